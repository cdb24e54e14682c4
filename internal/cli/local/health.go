package local

import (
	"context"
	"fmt"
	"net/http"

	"golang.org/x/sys/unix"
)

// Healthy asks lanyardd whether it is ready.
func (c *Cloud) Healthy(ctx context.Context) error {
	client, err := c.Client()
	if err != nil {
		return err
	}
	response, err := get(ctx, client, c.Origin()+"/readyz")
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("readyz says HTTP %d", response.StatusCode)
	}
	return nil
}

// FreeBytes is how much can be written to the file system of a folder.
func FreeBytes(folder string) (uint64, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(folder, &s); err != nil {
		return 0, err
	}
	return s.Bavail * uint64(s.Bsize), nil //nolint:gosec // a block size is positive
}
