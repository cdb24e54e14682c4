package registry

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/distribution/distribution/v3/registry/storage"
	"github.com/distribution/distribution/v3/registry/storage/driver"

	"github.com/lanyard-project/lanyard/internal/providers/containerregistry"
)

const (
	// sweepEvery is how often it is looked for what nobody needs.
	sweepEvery = time.Minute
	// collectEvery is when garbage is collected although nothing was deleted.
	collectEvery = 24 * time.Hour
	// collectAgain is when what was spared is looked at again.
	collectAgain = 10 * time.Minute
	// abandoned is after how long an upload that nobody goes on with is removed.
	abandoned = 7 * 24 * time.Hour
)

// Run removes images of deleted registries, layers that no manifest names, and
// uploads that nobody goes on with, until the context ends.
func (s *Service) Run(ctx context.Context) error {
	ticker := s.o.Clock.NewTicker(sweepEvery)
	defer ticker.Stop()
	for {
		if err := s.Sweep(ctx); err != nil && ctx.Err() == nil {
			s.o.Log.Warn("removing images that nobody needs", "error", err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C():
		}
	}
}

// Sweep does once what is due.
func (s *Service) Sweep(ctx context.Context) error {
	entries, err := os.ReadDir(s.o.Folder)
	if err != nil {
		return fmt.Errorf("looking for images of deleted registries: %w", err)
	}
	// What exists is read after the folders: a registry made meanwhile has no folder here.
	all, err := s.o.Registries.All(ctx)
	if err != nil {
		return fmt.Errorf("looking for images of deleted registries: %w", err)
	}
	exists := map[string]*containerregistry.Registry{}
	for _, r := range all {
		exists[r.Life] = r
	}
	for _, entry := range entries {
		if !entry.IsDir() {
			continue
		}
		if r := exists[entry.Name()]; r != nil {
			err = errors.Join(err, s.tidy(ctx, r))
			continue
		}
		s.mu.Lock()
		gone, open := s.open[entry.Name()]
		delete(s.open, entry.Name())
		s.mu.Unlock()
		if open {
			err = errors.Join(err, gone.close())
		}
		err = errors.Join(err, os.RemoveAll(s.folder(entry.Name())))
	}
	return err
}

// tidy collects the garbage of one registry, if that is due.
func (s *Service) tidy(ctx context.Context, r *containerregistry.Registry) error {
	a, err := s.images(r)
	if err != nil {
		return err
	}
	now := s.o.Clock.Now()
	a.mu.Lock()
	due := !now.Before(a.due)
	a.mu.Unlock()
	if !due {
		return nil
	}
	got, err := a.collect(ctx, now)
	if err != nil {
		return fmt.Errorf("collecting the garbage of registry %s: %w", r.Name, err)
	}
	for repository, why := range got.unreadable {
		s.o.Log.WarnContext(ctx, "a repository keeps all its layers, as one of its manifests can't be read: delete that manifest, and push its image again", "registry", r.Name, "repository", repository, "error", why)
	}
	if got.removed > 0 {
		s.o.Log.InfoContext(ctx, "removed layers that no manifest names", "registry", r.Name, "layers", got.removed, "bytes", got.bytes)
	}
	// The library stamps uploads with the machine's time.
	_, failed := storage.PurgeUploads(ctx, a.driver, time.Now().Add(-abandoned), true)
	var unknown driver.PathNotFoundError
	for _, one := range failed {
		if !errors.As(one, &unknown) { // there is no repository yet
			err = errors.Join(err, one)
		}
	}
	return err
}

// Size is how much a registry's images take in the folder of images.
func Size(folder, life string) (int64, error) {
	var size int64
	err := filepath.WalkDir(filepath.Join(folder, life), func(_ string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // nothing was pushed, or it goes at this moment
		}
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		if info, err := entry.Info(); err == nil {
			size += info.Size()
		}
		return nil
	})
	return size, err
}
