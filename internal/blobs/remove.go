package blobs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/store"
)

func (s *Service) deleteBlob(w http.ResponseWriter, c *call) error {
	if err := s.may(c, "delete"); err != nil {
		return err
	}
	if _, err := s.enterContainer(c); err != nil {
		return err
	}
	for {
		found, err := s.find(c.Context(), c.box, c.name)
		if err != nil {
			return err
		}
		if err := met(c.Header, found); err != nil {
			return err
		}
		key := c.box.key(c.name)
		_, err = s.State.Txn(c.Context(), []store.Cond{store.Unchanged(key, found.revision)}, []store.Op{store.Delete(key)})
		if errors.Is(err, store.ErrConflict) {
			continue
		}
		if err != nil {
			return err
		}
		_ = os.Remove(filepath.Join(s.folder(c.box), found.File)) // else the next start's work
		w.Header().Set("x-ms-delete-type-permanent", "true")
		w.WriteHeader(http.StatusAccepted)
		return nil
	}
}

// empty removes all that a container held.
func (s *Service) empty(ctx context.Context, b box) error {
	for {
		page, err := s.State.List(ctx, b.key(""), store.ListOptions{Limit: 500, KeysOnly: true})
		if err != nil {
			return err
		}
		ops := make([]store.Op, 0, len(page.Items))
		for _, item := range page.Items {
			ops = append(ops, store.Delete(item.Key))
		}
		if len(ops) > 0 {
			if _, err := s.State.Txn(ctx, nil, ops); err != nil {
				return err
			}
		}
		if !page.More {
			return os.RemoveAll(s.folder(b))
		}
	}
}

// Sweep removes what containers that are gone held, and files that no record
// names. It is for the start, before anything is served.
func (s *Service) Sweep(ctx context.Context) error {
	containers, err := s.Resources.List(ctx, armid.Root(), containerType)
	if err != nil {
		return fmt.Errorf("looking for the containers of blobs: %w", err)
	}
	live := map[box]bool{}
	for _, container := range containers {
		live[boxOf(container)] = true
	}
	named := map[string]bool{} // files of live boxes
	dead := map[box]bool{}
	for after, more := "", true; more; {
		page, err := s.State.List(ctx, recordsPrefix, store.ListOptions{Limit: 500, After: after})
		if err != nil {
			return fmt.Errorf("reading the records of blobs: %w", err)
		}
		more = page.More
		for _, item := range page.Items {
			after = item.Key
			in, _, _ := strings.Cut(strings.TrimPrefix(item.Key, recordsPrefix), "/")
			if !live[box(in)] {
				dead[box(in)] = true
				continue
			}
			found, err := decode(item)
			if err != nil {
				return err
			}
			named[filepath.Join(in, found.File)] = true
		}
	}
	folders, err := os.ReadDir(s.Dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, folder := range folders {
		if !live[box(folder.Name())] {
			dead[box(folder.Name())] = true
			continue
		}
		files, err := os.ReadDir(filepath.Join(s.Dir, folder.Name()))
		if err != nil {
			return err
		}
		for _, file := range files {
			// Folders hold blocks that may still be committed.
			if path := filepath.Join(folder.Name(), file.Name()); !file.IsDir() && !named[path] {
				if err := os.Remove(filepath.Join(s.Dir, path)); err != nil {
					return err
				}
			}
		}
	}
	for b := range dead {
		if err := s.empty(ctx, b); err != nil {
			return err
		}
	}
	return nil
}
