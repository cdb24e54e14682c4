package main

import (
	"context"
	"log/slog"
	"net/http"
	"path/filepath"

	"k8s.io/utils/clock"

	"github.com/lanyard-project/lanyard/internal/arm/pipeline"
	"github.com/lanyard-project/lanyard/internal/directory"
	"github.com/lanyard-project/lanyard/internal/movable"
	"github.com/lanyard-project/lanyard/internal/tokens"
)

// What --clock says.
const (
	clockReal    = "real"
	clockMovable = "movable"
)

// openClock is the clock of everything that the cloud decides by time. moved is
// nil when it can't be moved.
func openClock(c config) (clk clock.WithTicker, moved *movable.Clock, err error) {
	if c.clock != clockMovable {
		return clock.RealClock{}, nil, nil
	}
	moved, err = movable.Open(filepath.Join(c.dataDir, "clock"))
	return moved, moved, err
}

// local serves what Azure has no counterpart of, below /lanyard.
func local(moved *movable.Clock, verifier *tokens.Verifier, people *directory.Directory, origins []string, clusters machinery, log *slog.Logger) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/lanyard/connected/", func(w http.ResponseWriter, r *http.Request) { clusters.connected().ServeHTTP(w, r) })
	if moved != nil {
		audiences := pipeline.Audiences(origins...)
		mux.Handle("/lanyard/clock", &movable.Handler{
			Clock: moved, RolesOf: people.RolesOf, Log: log,
			Verify: func(ctx context.Context, bearer string) (tokens.Caller, error) {
				return verifier.Verify(ctx, bearer, audiences)
			},
		})
	}
	return mux
}
