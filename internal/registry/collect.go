package registry

import (
	"context"
	"errors"
	"time"

	"github.com/distribution/distribution/v3"
	"github.com/distribution/distribution/v3/registry/storage"
	"github.com/distribution/distribution/v3/registry/storage/driver"
	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"
)

// grace is for how long a layer that no manifest names stays after somebody who
// pushes has sent it or was told that it is there: the manifest comes last.
const grace = time.Hour

// collected is what came of a collection.
type collected struct {
	removed int
	bytes   int64
	spared  int // of what no manifest names
}

// collect removes what no manifest names. While somebody pushes it removes nothing
// and comes again.
func (a *app) collect(ctx context.Context, now time.Time) (got collected, err error) {
	if !a.pushing.TryLock() {
		return got, nil
	}
	defer a.pushing.Unlock()
	named, links, err := a.marks(ctx)
	if err != nil {
		return got, err // rather too much stays than too little
	}
	a.mu.Lock()
	for d, at := range a.used {
		if now.Sub(at) >= grace {
			delete(a.used, d)
		}
	}
	spare := func(d digest.Digest) bool {
		_, used := a.used[d]
		return used || now.Sub(a.opened) < grace // what was heard before is forgotten
	}
	a.mu.Unlock()
	var garbage []digest.Digest
	err = absent(a.stored.Blobs().Enumerate(ctx, func(d digest.Digest) error {
		switch {
		case named[d]:
		case spare(d):
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
		for _, repository := range links[d] {
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

// marks lists what manifests name, themselves included, and the repositories that
// have a layer.
func (a *app) marks(ctx context.Context) (named map[digest.Digest]bool, links map[digest.Digest][]string, err error) {
	named, links = map[digest.Digest]bool{}, map[digest.Digest][]string{}
	err = a.repositories(ctx, func(name string, repository distribution.Repository) error {
		err := manifestsOf(ctx, repository, func(d digest.Digest, m distribution.Manifest) error {
			named[d] = true
			for _, r := range m.References() {
				named[r.Digest] = true
			}
			return nil
		})
		if err != nil {
			return err
		}
		layers, ok := repository.Blobs(ctx).(distribution.BlobEnumerator)
		if !ok {
			return errors.New("layers can't be listed")
		}
		return absent(layers.Enumerate(ctx, func(d digest.Digest) error {
			links[d] = append(links[d], name)
			return nil
		}))
	})
	return named, links, err
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

// manifestsOf goes through the manifests of a repository.
func manifestsOf(ctx context.Context, repository distribution.Repository, each func(digest.Digest, distribution.Manifest) error) error {
	service, err := repository.Manifests(ctx)
	if err != nil {
		return err
	}
	all, ok := service.(distribution.ManifestEnumerator)
	if !ok {
		return errors.New("manifests can't be listed")
	}
	return absent(all.Enumerate(ctx, func(d digest.Digest) error {
		m, err := service.Get(ctx, d)
		if err != nil {
			return err
		}
		return each(d, m)
	}))
}

// absent makes nothing of what isn't there (yet, or any more).
func absent(err error) error {
	var unknown driver.PathNotFoundError
	if errors.As(err, &unknown) {
		return nil
	}
	return err
}
