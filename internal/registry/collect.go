package registry

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/distribution/distribution/v3"
	"github.com/distribution/distribution/v3/registry/storage"
	"github.com/distribution/distribution/v3/registry/storage/driver"
	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"
)

const (
	// grace is for how long a layer that no manifest names stays after somebody who
	// pushes has sent it or was told that it is there: the manifest comes last.
	grace = time.Hour
	// longestPush is for how long it stays where parts of other layers keep coming in.
	longestPush = 24 * time.Hour
)

// collected is what came of a collection.
type collected struct {
	removed    int
	bytes      int64
	spared     int              // of what no manifest names
	unreadable map[string]error // repositories that keep all they have
}

// marked is what is known of a registry's layers.
type marked struct {
	named      map[digest.Digest]bool     // by manifests, themselves included
	links      map[digest.Digest][]string // the repositories that have a layer
	unreadable map[string]error           // repositories with a manifest that can't be read
}

// collect removes what no manifest names. While somebody pushes it removes nothing
// and comes again.
func (a *app) collect(ctx context.Context, now time.Time) (got collected, err error) {
	if !a.pushing.TryLock() {
		return got, nil
	}
	defer a.pushing.Unlock()
	marks, err := a.marks(ctx)
	if err != nil {
		return got, err // rather too much stays than too little
	}
	got.unreadable = marks.unreadable
	awaited := a.awaited(now)
	var garbage []digest.Digest
	err = absent(a.stored.Blobs().Enumerate(ctx, func(d digest.Digest) error {
		switch {
		case marks.named[d] || marks.keeps(d):
		case awaited(d, marks.links[d]):
			got.spared++
		default:
			garbage = append(garbage, d)
		}
		return nil
	}))
	if err != nil {
		return got, err
	}
	vacuum := storage.NewVacuum(ctx, a.driver)
	for _, d := range garbage {
		for _, repository := range marks.links[d] {
			if err := absent(vacuum.RemoveLayer(repository, d)); err != nil {
				return got, err
			}
		}
		if is, err := a.stored.BlobStatter().Stat(ctx, d); err == nil {
			got.bytes += is.Size
		}
		if err := absent(vacuum.RemoveBlob(d.String())); err != nil {
			return got, err
		}
		got.removed++
	}
	next := collectEvery
	if got.spared > 0 {
		next = collectAgain
	}
	a.mu.Lock()
	a.due = now.Add(next)
	a.mu.Unlock()
	return got, nil
}

// awaited tells which layers somebody who pushes may still want to name: one of whom
// nothing was heard for the grace has given up, unless he is busy with a long layer.
func (a *app) awaited(now time.Time) func(d digest.Digest, in []string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	maps.DeleteFunc(a.used, func(_ digest.Digest, h heard) bool { return now.Sub(h.at) >= longestPush })
	maps.DeleteFunc(a.active, func(_ string, at time.Time) bool { return now.Sub(at) >= grace })
	used, active := maps.Clone(a.used), maps.Clone(a.active)
	return func(d digest.Digest, in []string) bool {
		last, ok := used[d]
		if !ok {
			last.at = a.opened // what was heard before is forgotten
		}
		age := now.Sub(last.at)
		// The first push to a repository makes no link that would be found.
		return age < grace || age < longestPush && slices.ContainsFunc(append(in, last.in), func(repository string) bool { return !active[repository].IsZero() })
	}
}

// keeps reports whether a manifest that can't be read may name the layer.
func (m marked) keeps(d digest.Digest) bool {
	return slices.ContainsFunc(m.links[d], func(repository string) bool { return m.unreadable[repository] != nil })
}

// marks looks through manifests and repositories. One manifest that can't be read is no
// reason to keep what other repositories don't need.
func (a *app) marks(ctx context.Context) (marked, error) {
	out := marked{map[digest.Digest]bool{}, map[digest.Digest][]string{}, map[string]error{}}
	err := a.repositories(ctx, func(name string, repository distribution.Repository) error {
		err := manifestsOf(ctx, repository, func(d digest.Digest, m distribution.Manifest, err error) error {
			out.named[d] = true
			if err != nil {
				out.unreadable[name] = fmt.Errorf("reading manifest %s: %w", d, err)
				return nil
			}
			for _, r := range m.References() {
				out.named[r.Digest] = true
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("listing manifests of repository %s: %w", name, err)
		}
		layers, ok := repository.Blobs(ctx).(distribution.BlobEnumerator)
		if !ok {
			return errors.New("layers can't be listed")
		}
		return absent(layers.Enumerate(ctx, func(d digest.Digest) error {
			out.links[d] = append(out.links[d], name)
			return nil
		}))
	})
	return out, err
}

// repositories goes through all of a registry.
func (a *app) repositories(ctx context.Context, each func(name string, repository distribution.Repository) error) error {
	all, ok := a.stored.(distribution.RepositoryEnumerator)
	if !ok {
		return errors.New("repositories can't be listed")
	}
	return absent(all.Enumerate(ctx, func(name string) error {
		repository, err := a.repository(ctx, name)
		if err != nil {
			return err
		}
		return each(name, repository)
	}))
}

func (a *app) repository(ctx context.Context, name string) (distribution.Repository, error) {
	named, err := reference.WithName(name)
	if err != nil {
		return nil, err
	}
	return a.stored.Repository(ctx, named)
}

// manifestsOf goes through the manifests of a repository; each is told why one can't be
// read.
func manifestsOf(ctx context.Context, repository distribution.Repository, each func(digest.Digest, distribution.Manifest, error) error) error {
	service, err := repository.Manifests(ctx)
	if err != nil {
		return err
	}
	all, ok := service.(distribution.ManifestEnumerator)
	if !ok {
		return errors.New("manifests can't be listed")
	}
	return absent(all.Enumerate(ctx, func(d digest.Digest) error {
		m, err := readManifest(ctx, service, d)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return each(d, m, err)
	}))
}

// readManifest reads one. The library panics at some that it takes in.
func readManifest(ctx context.Context, service distribution.ManifestService, d digest.Digest) (m distribution.Manifest, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the registry library panics: %v", p)
		}
	}()
	return service.Get(ctx, d)
}

// absent makes nothing of what isn't there (yet, or any more).
func absent(err error) error {
	var unknown driver.PathNotFoundError
	if errors.As(err, &unknown) {
		return nil
	}
	return err
}
