package blobs

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

const (
	// blocksLast is for how long a blob's blocks wait after the last of them was sent.
	blocksLast = 7 * 24 * time.Hour
	// expireEvery is how often it is looked for those that waited too long.
	expireEvery = time.Hour
)

// Run removes blocks that nobody committed, until the context ends.
func (s *Service) Run(ctx context.Context) error {
	for {
		if err := s.expire(ctx); err != nil && ctx.Err() == nil {
			s.Log.WarnContext(ctx, "removing blocks that nobody committed", "error", err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-s.Clock.After(expireEvery):
		}
	}
}

// expire removes the waiting blocks of blobs that got none for a week.
func (s *Service) expire(ctx context.Context) error {
	boxes, err := os.ReadDir(s.Dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	var failed error
	for _, b := range boxes {
		entries, err := os.ReadDir(filepath.Join(s.Dir, b.Name()))
		failed = errors.Join(failed, gone(err))
		for _, entry := range entries {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if entry.IsDir() && strings.HasPrefix(entry.Name(), waitingPrefix) {
				failed = errors.Join(failed, s.expireBlocks(filepath.Join(s.Dir, b.Name(), entry.Name())))
			}
		}
	}
	return failed
}

// expireBlocks removes the blocks of one folder, all or none. One that comes
// meanwhile keeps the folder.
func (s *Service) expireBlocks(folder string) error {
	blocks, err := os.ReadDir(folder)
	if err != nil {
		return gone(err)
	}
	until := s.Clock.Now().Add(-blocksLast)
	for _, entry := range blocks {
		info, err := entry.Info()
		if err != nil {
			return gone(err)
		}
		if info.ModTime().After(until) {
			return nil
		}
	}
	var failed error
	for _, entry := range blocks {
		failed = errors.Join(failed, gone(os.Remove(filepath.Join(folder, entry.Name()))))
	}
	_ = os.Remove(folder) // not while there is a new one in it
	return failed
}

// gone makes nothing of what somebody else removed.
func gone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
