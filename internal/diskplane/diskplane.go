// Package diskplane puts the content of managed disks where ARM's documents say
// that they are attached.
//
// It stands above the provider of machines and above clusters, which has the
// folders. Like traffic it follows the store, so that it makes no difference who
// attached a disk. A disk is a folder of this machine: it has the content that pods
// write and no size that anybody holds them to.
//
// What it guarantees. A disk's content is in one place at any time, at most moments
// after the document says so, and gone with the document. What a node that is
// removed had attached is kept.
//
// What it doesn't. It doesn't wait for a node to let go: who detaches a disk that
// is in use takes it away from under its writer, as on Azure.
package diskplane

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"k8s.io/utils/clock"

	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/providers/compute"
	"github.com/lanyard-project/lanyard/internal/store"
	"github.com/lanyard-project/lanyard/internal/store/changes"
)

// Options are what Run works with; all are required.
type Options struct {
	Store *store.Store
	// Machines is *compute.Provider.
	Machines interface {
		Attachments(ctx context.Context) (attached []compute.Attachment, all []string, err error)
	}
	// Engine is *clusters.Engine.
	Engine interface {
		PlaceDisks(ctx context.Context, wanted map[string][]string, all []string) error
	}
	Log   *slog.Logger
	Clock clock.Clock
}

const (
	settle = 10 * time.Millisecond
	again  = time.Minute
	retry  = time.Second
)

// Run follows the documents until the context ends.
func Run(ctx context.Context, o Options) error {
	ctx, cancel := context.WithCancel(ctx)
	followed := make(chan struct{})
	defer func() { cancel(); <-followed }()
	dirty := changes.NewMarker()
	go func() {
		defer close(followed)
		changes.Follow(ctx, o.Store, o.Clock, resource.KeyPrefix+"/", matters, dirty.Mark)
	}()
	for wait := again; dirty.Await(ctx, o.Clock, settle, wait); {
		wait = again
		if err := place(ctx, o); err != nil && ctx.Err() == nil {
			o.Log.Warn("placing disks", "error", err)
			wait = retry
		}
	}
	return ctx.Err()
}

func matters(key string) bool {
	return strings.Contains(key, "/microsoft.compute/disks/") || strings.Contains(key, "/virtualmachines/")
}

func place(ctx context.Context, o Options) error {
	attached, all, err := o.Machines.Attachments(ctx)
	if err != nil {
		return err
	}
	wanted := map[string][]string{}
	for _, a := range attached {
		id := "azure://" + a.Machine.String()
		wanted[id] = append(wanted[id], a.Disk)
	}
	return o.Engine.PlaceDisks(ctx, wanted, all)
}
