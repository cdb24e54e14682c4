package settings

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"time"
)

// ErrChanged is why a program ends whose configuration isn't what it began with:
// its clients keep tokens of whom they were made for.
var ErrChanged = errors.New("the cloud config has changed: starting again with the new one")

// lookEvery is how often the file is looked at.
const lookEvery = 2 * time.Second

// AwaitChange returns ErrChanged once the file has another content than now.
func AwaitChange(ctx context.Context, path string) error {
	began, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("reading cloud config: %w", err)
	}
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(lookEvery):
		}
		// It is replaced as a whole; while it can't be read, what was read counts.
		if now, err := os.ReadFile(path); err == nil && !bytes.Equal(now, began) {
			return ErrChanged
		}
	}
}
