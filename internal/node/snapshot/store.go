package snapshot

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/google/renameio/v2"
	"k8s.io/utils/clock"

	"github.com/lanyard-project/lanyard/internal/seal"
)

const (
	maxFile   = 64 << 20
	saveEvery = time.Second
	// touchEvery keeps the file's time near the present although nothing changes.
	touchEvery = 30 * time.Second
	// clockSkew is how far in the future a file's time may lie: a clock that was set back.
	clockSkew = time.Minute
)

// Options say where a snapshot is and what it is for.
type Options struct {
	// Folder holds the file and its key, and should be in memory (tmpfs); empty keeps nothing over a restart.
	Folder string
	// Owner is the node and the way it is run: a snapshot of another one isn't loaded.
	Owner  string
	MaxAge time.Duration
	Clock  clock.WithTicker
	Log    *slog.Logger
}

// Store keeps the collections' objects and the time when each was last heard of. It is safe for concurrent use.
type Store struct {
	Options
	box *seal.Box

	mu       sync.Mutex
	heard    map[string]time.Time
	objects  map[string]map[string]json.RawMessage // by collection, by UID
	restored map[string]map[string]json.RawMessage // what was on file
	dirty    bool
}

// file is what is sealed.
type file struct {
	Heard   map[string]time.Time                  `json:"heard"`
	Objects map[string]map[string]json.RawMessage `json:"objects"`
}

// Open reads what is on file, if it is of use.
func Open(o Options) *Store {
	s := &Store{Options: o, heard: map[string]time.Time{}, objects: map[string]map[string]json.RawMessage{}}
	if o.Folder == "" {
		return s
	}
	box, err := seal.Load(filepath.Join(o.Folder, "key"))
	if err != nil {
		o.Log.Warn("nothing is kept over a restart of the agent", "error", err)
		return s
	}
	s.box = box
	if err := s.load(); err != nil && !errors.Is(err, fs.ErrNotExist) {
		o.Log.Warn("the snapshot is of no use", "error", err)
	}
	return s
}

func (s *Store) path() string { return filepath.Join(s.Folder, "snapshot") }

func (s *Store) load() error {
	info, err := os.Stat(s.path())
	if err != nil {
		return fmt.Errorf("reading the snapshot: %w", err)
	}
	if info.Size() > maxFile {
		return errors.New("it is too large")
	}
	sealed, err := os.ReadFile(s.path())
	if err != nil {
		return fmt.Errorf("reading the snapshot: %w", err)
	}
	plain, err := s.box.Open(sealed, s.Owner)
	if err != nil {
		return err
	}
	var content file
	if err := json.Unmarshal(plain, &content); err != nil {
		return fmt.Errorf("reading the snapshot: %w", err)
	}
	now := s.Clock.Now()
	for _, at := range content.Heard {
		if age := now.Sub(at); age > s.MaxAge || age < -clockSkew {
			return fmt.Errorf("it is %s old, at most %s may it be", age.Round(time.Second), s.MaxAge)
		}
	}
	s.restored = content.Objects
	for name, at := range content.Heard {
		s.heard[name] = at
	}
	return nil
}

// Heard notes that the API server has just spoken about a collection.
func (s *Store) Heard(collection string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.heard[collection] = s.Clock.Now()
}

// Age gives the time since the API server was last heard about the collection that it has been silent about for longest. No
// collection at all is as old as can be.
func (s *Store) Age() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	now, oldest := s.Clock.Now(), time.Duration(-1)
	for _, at := range s.heard {
		oldest = max(oldest, now.Sub(at))
	}
	if oldest < 0 {
		return s.MaxAge + time.Hour
	}
	return oldest
}

// Fresh reports whether what is known is young enough for callers that were not served before.
func (s *Store) Fresh() bool { return s.Age() <= s.MaxAge }

// Run writes changes until the context ends, and once more then.
func (s *Store) Run(ctx context.Context) error {
	if s.box == nil {
		return nil
	}
	ticker := s.Clock.NewTicker(saveEvery)
	defer ticker.Stop()
	touched := s.Clock.Now()
	for done := false; !done; {
		select {
		case <-ctx.Done():
			done = true
		case <-ticker.C():
		}
		now := s.Clock.Now()
		if !s.takeDirty() && now.Sub(touched) < touchEvery && !done {
			continue
		}
		touched = now
		if err := s.Save(); err != nil {
			s.Log.Warn("writing the snapshot failed", "error", err)
		}
	}
	return nil
}

func (s *Store) takeDirty() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	dirty := s.dirty
	s.dirty = false
	return dirty
}

// Save writes what is known now.
func (s *Store) Save() error {
	s.mu.Lock()
	plain, err := json.Marshal(file{Heard: s.heard, Objects: s.objects})
	s.mu.Unlock()
	if err != nil {
		return fmt.Errorf("writing the snapshot: %w", err)
	}
	if err := renameio.WriteFile(s.path(), s.box.Seal(plain, s.Owner), 0o600); err != nil {
		return fmt.Errorf("writing the snapshot: %w", err)
	}
	return nil
}
