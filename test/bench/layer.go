package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	// chunk is what passes from reading to hashing and writing at a time, and chunks how
	// many are under way.
	chunk  = 512 << 10
	chunks = 16
)

// way is how content comes to be in a file.
type way func(from io.Reader, to *os.File, digest string) error

// keep times how long content takes to be in a file, on the disk.
func keep(open func() (io.ReadCloser, error), path, digest string, by way) (took time.Duration, err error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return 0, err
	}
	file, err := os.Create(path)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	started := time.Now()
	content, err := open()
	if err != nil {
		return 0, err
	}
	defer content.Close()
	if err := by(content, file, digest); err != nil {
		return 0, err
	}
	err = file.Sync()
	return time.Since(started), err
}

// plainly copies and nothing else, as cp does.
func plainly(from io.Reader, to *os.File, _ string) error {
	_, err := io.Copy(to, from)
	return err
}

// inTurn reads, writes and hashes one after the other, as containerd does: a mebibyte at
// a time.
func inTurn(from io.Reader, to *os.File, digest string) error {
	buffer, sum := make([]byte, 1<<20), sha256.New()
	for {
		n, err := io.ReadFull(from, buffer)
		if _, err := to.Write(buffer[:n]); err != nil {
			return err
		}
		sum.Write(buffer[:n])
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return compare(sum.Sum(nil), digest)
		}
		if err != nil {
			return err
		}
	}
}

// sideBySide reads, writes and hashes at the same time. Having the disk begin early, by
// sync_file_range, made no difference.
func sideBySide(from io.Reader, to *os.File, digest string) error {
	free, read, written := make(chan []byte, chunks), make(chan []byte, chunks), make(chan []byte, chunks)
	for range chunks {
		free <- make([]byte, chunk)
	}
	// Who fails goes on with taking pieces, so that nobody waits for ever: a channel
	// holds all of them.
	var group errgroup.Group
	group.Go(func() error {
		defer close(read)
		for piece := range free {
			n, err := io.ReadFull(from, piece[:chunk])
			read <- piece[:n]
			if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
				return nil
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	group.Go(func() error {
		defer close(written)
		var failed error
		for piece := range read {
			if failed == nil {
				_, failed = to.Write(piece)
			}
			written <- piece
		}
		return failed
	})
	sum := sha256.New()
	for piece := range written {
		sum.Write(piece)
		free <- piece
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return compare(sum.Sum(nil), digest)
}

func compare(sum []byte, digest string) error {
	if got := hex.EncodeToString(sum); got != digest {
		return fmt.Errorf("the digest is %s, not %s", got, digest)
	}
	return nil
}
