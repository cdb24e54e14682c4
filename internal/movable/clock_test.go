package movable

import (
	"context"
	"errors"
	"log/slog"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lanyard-project/lanyard/internal/directory"
	"github.com/lanyard-project/lanyard/internal/tokens"
)

const day = 24 * time.Hour

func open(t *testing.T) (*Clock, string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "clock")
	c, err := Open(file)
	if err != nil {
		t.Fatal(err)
	}
	return c, file
}

func fired(t *testing.T, c <-chan time.Time) bool {
	t.Helper()
	select {
	case <-c:
		return true
	case <-time.After(100 * time.Millisecond):
		return false
	}
}

func TestMovingFiresWhatIsDue(t *testing.T) {
	c, _ := open(t)
	soon, late, every := c.NewTimer(day), c.NewTimer(50*day), c.NewTicker(time.Hour)
	defer every.Stop()
	if fired(t, soon.C()) || fired(t, every.C()) {
		t.Fatal("fired before its time")
	}
	if err := c.Advance(46 * day); err != nil {
		t.Fatal(err)
	}
	if !fired(t, soon.C()) || !fired(t, every.C()) {
		t.Error("what is due must fire at once")
	}
	if fired(t, late.C()) || fired(t, every.C()) {
		t.Error("what isn't due must wait, and missed ticks are one")
	}
	if late.Reset(day); !late.Stop() || late.Stop() {
		t.Error("Stop must say whether it waited")
	}
	if err := c.Advance(2 * time.Hour); err != nil {
		t.Fatal(err)
	}
	if !fired(t, every.C()) {
		t.Error("a ticker goes on")
	}
	if fired(t, late.C()) {
		t.Error("stopped")
	}
}

func TestTimeIsNotTurnedBack(t *testing.T) {
	c, file := open(t)
	if err := c.Advance(46 * day); err != nil {
		t.Fatal(err)
	}
	if err := c.Advance(-time.Second); !errors.Is(err, ErrBackwards) {
		t.Errorf("%v", err)
	}
	if err := c.Advance(maxAhead); !errors.Is(err, ErrTooFar) {
		t.Errorf("%v", err)
	}
	again, err := Open(file)
	if err != nil || again.Ahead() != 46*day || again.Since(time.Now()) < 45*day {
		t.Errorf("after a restart: %v ahead, %v", again.Ahead(), err)
	}
}

func TestOnlyAdministratorsMoveIt(t *testing.T) {
	c, _ := open(t)
	handler := &Handler{Clock: c, Log: slog.New(slog.DiscardHandler),
		Verify: func(_ context.Context, bearer string) (tokens.Caller, error) {
			if bearer == "forged" {
				return tokens.Caller{}, errors.New("forged")
			}
			return tokens.Caller{ObjectID: bearer}, nil
		},
		RolesOf: func(_ context.Context, objectID string) ([]string, error) {
			if objectID == "admin" {
				return []string{directory.RoleDirectoryWrite}, nil
			}
			return []string{directory.RoleDirectoryRead}, nil
		},
	}
	for _, test := range []struct {
		bearer, method, body string
		status               int
	}{
		{"", "GET", "", 401}, {"forged", "POST", `{"advance":"1d"}`, 401}, {"guest", "GET", "", 403}, {"guest", "POST", `{"advance":"1d"}`, 403},
		{"admin", "PUT", "", 405}, {"admin", "POST", `{}`, 400}, {"admin", "POST", `{"advance":"x"}`, 400}, {"admin", "POST", `{"advance":"-1h"}`, 400},
		{"admin", "POST", `{"advance":"1h","to":"2030-01-01T00:00:00Z"}`, 400}, {"admin", "POST", `{"to":"2001-01-01T00:00:00Z"}`, 400},
		{"admin", "POST", `{"advance":"46d12h"}`, 200}, {"admin", "GET", "", 200},
	} {
		r := httptest.NewRequestWithContext(t.Context(), test.method, "/lanyard/clock", strings.NewReader(test.body))
		if test.bearer != "" {
			r.Header.Set("Authorization", "Bearer "+test.bearer)
		}
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if w.Code != test.status {
			t.Errorf("%+v: %d %s", test, w.Code, w.Body)
		}
	}
	if c.Ahead() != 46*day+12*time.Hour {
		t.Errorf("%v", c.Ahead())
	}
}
