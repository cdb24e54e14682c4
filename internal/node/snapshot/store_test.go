package snapshot_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	clocktesting "k8s.io/utils/clock/testing"

	"github.com/lanyard-project/lanyard/internal/node/kube"
	"github.com/lanyard-project/lanyard/internal/node/snapshot"
)

type object struct {
	kube.Meta `json:"metadata"`
	Label     string `json:"label"`
}

// sink has what it is given.
type sink map[string]string

func (s sink) Replace(all []object) {
	clear(s)
	for _, o := range all {
		s[o.UID] = o.Label
	}
}
func (s sink) Apply(o object)  { s[o.UID] = o.Label }
func (s sink) Remove(o object) { delete(s, o.UID) }

func named(uid, label string) object { return object{Meta: kube.Meta{UID: uid}, Label: label} }

type world struct {
	t      *testing.T
	folder string
	clock  *clocktesting.FakeClock
	log    strings.Builder
}

func newWorld(t *testing.T) *world {
	return &world{t: t, folder: filepath.Join(t.TempDir(), "nmi"), clock: clocktesting.NewFakeClock(time.Unix(1_800_000_000, 0))}
}

// start is an agent's start: what does it know before it hears anything?
func (w *world) start(owner string) (*snapshot.Store, sink, kube.Sink[object]) {
	s := snapshot.Open(snapshot.Options{
		Folder: w.folder, Owner: owner, MaxAge: 10 * time.Minute, Clock: w.clock, Log: slog.New(slog.NewTextHandler(&w.log, nil)),
	})
	got := sink{}
	return s, got, snapshot.Keep[object](s, "pods", got)
}

// before leaves a snapshot with two objects behind.
func (w *world) before() {
	w.t.Helper()
	s, got, kept := w.start("node a")
	kept.Replace([]object{named("1", "one"), named("2", "two"), named("3", "three")})
	kept.Apply(named("1", "changed"))
	kept.Remove(named("3", ""))
	s.Heard("pods")
	if err := s.Save(); err != nil || len(got) != 2 {
		w.t.Fatalf("saved %v, %v", got, err)
	}
}

func TestRestartKnowsWhatWasKnown(t *testing.T) {
	w := newWorld(t)
	w.before()
	w.clock.Step(9 * time.Minute)
	s, got, _ := w.start("node a")
	if got["1"] != "changed" || got["2"] != "two" || len(got) != 2 || s.Age() != 9*time.Minute || !s.Fresh() {
		t.Errorf("restored %v, age %s", got, s.Age())
	}
	w.clock.Step(2 * time.Minute)
	if s.Fresh() {
		t.Error("still fresh after eleven minutes of silence")
	}
	s.Heard("pods")
	if !s.Fresh() {
		t.Error("not fresh although the API server spoke")
	}
	// a restart of an agent that heard nothing doesn't make knowledge younger
	w.clock.Step(6 * time.Minute)
	s, _, _ = w.start("node a")
	if err := s.Save(); err != nil {
		t.Fatal(err)
	}
	w.clock.Step(6 * time.Minute)
	if _, got, _ := w.start("node a"); len(got) != 0 {
		t.Errorf("restored %v after two restarts and twenty minutes", got)
	}
}

func TestUselessSnapshotsAreNotLoaded(t *testing.T) {
	for name, test := range map[string]struct {
		owner string
		spoil func(*world)
	}{
		"too old":             {"node a", func(w *world) { w.clock.Step(11 * time.Minute) }},
		"from the future":     {"node a", func(w *world) { w.clock.Step(-time.Hour) }},
		"of another node":     {"node b", func(*world) {}},
		"changed":             {"node a", func(w *world) { w.flip() }},
		"cut off":             {"node a", func(w *world) { _ = os.Truncate(filepath.Join(w.folder, "snapshot"), 10) }},
		"its key is lost":     {"node a", func(w *world) { _ = os.Remove(filepath.Join(w.folder, "key")) }},
		"its key is open":     {"node a", func(w *world) { _ = os.Chmod(filepath.Join(w.folder, "key"), 0o644) }}, //nolint:gosec // the point
		"never written":       {"node a", func(w *world) { _ = os.Remove(filepath.Join(w.folder, "snapshot")) }},
		"larger than any can": {"node a", func(w *world) { _ = os.Truncate(filepath.Join(w.folder, "snapshot"), 65<<20) }},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.before()
			test.spoil(w)
			s, got, kept := w.start(test.owner)
			if len(got) != 0 || s.Fresh() {
				t.Errorf("restored %v, fresh %t", got, s.Fresh())
			}
			kept.Apply(named("4", "four")) // and life goes on
			if got["4"] != "four" {
				t.Errorf("after a change: %v", got)
			}
		})
	}
}

func (w *world) flip() {
	path := filepath.Join(w.folder, "snapshot")
	content, err := os.ReadFile(path)
	if err != nil {
		w.t.Fatal(err)
	}
	content[len(content)-1] ^= 1
	if err := os.WriteFile(path, content, 0o600); err != nil {
		w.t.Fatal(err)
	}
}

func TestSnapshotIsSealed(t *testing.T) {
	w := newWorld(t)
	w.before()
	entries, err := os.ReadDir(w.folder)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
		content, err := os.ReadFile(filepath.Join(w.folder, entry.Name()))
		if info, _ := entry.Info(); err != nil || info.Mode().Perm() != 0o600 || strings.Contains(string(content), "changed") {
			t.Errorf("%s: mode %v, %v, %q", entry.Name(), info.Mode(), err, content)
		}
	}
	if !slices.Equal(names, []string{"key", "snapshot"}) {
		t.Errorf("files %v", names)
	}
}
