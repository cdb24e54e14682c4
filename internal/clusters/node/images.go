package node

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/lanyard-project/lanyard/internal/clusters/machine"
)

// importsFile remembers on the node's disk, beside containerd's own state,
// which archives it holds.
const importsFile = "/var/lib/lanyard/images.json"

// archive identifies the content of an image archive well enough to not
// import it twice.
type archive struct {
	Size     int64
	Modified time.Time
}

// ImportImages imports those archives that the node doesn't have yet, then
// lets its kubelet start.
func (n *Node) ImportImages(ctx context.Context, m machine.Machine, archives []string) error {
	if err := awaitSocket(ctx, m.Path(socket)); err != nil {
		return fmt.Errorf("waiting for containerd of %s: %w; see %s", n.settings.Name, err, n.settings.Disk.Path("/var/log/lanyard/containerd.log"))
	}
	have, err := n.readImports()
	if err != nil {
		return err
	}
	for _, path := range archives {
		st, err := os.Stat(path)
		if err != nil {
			return fmt.Errorf("importing image: %w", err)
		}
		now := archive{Size: st.Size(), Modified: st.ModTime().UTC()}
		if have[path] == now {
			continue
		}
		if err := n.importImage(ctx, m, path); err != nil {
			return err
		}
		have[path] = now
		if err := n.writeImports(have); err != nil {
			return err
		}
	}
	// The same care as with its disk: the root is the node's to arrange.
	if err := (machine.Disk{Dir: m.Path("/")}).Write(gate, nil, 0o644); err != nil {
		return fmt.Errorf("letting kubelet start: %w", err)
	}
	return nil
}

// importImage speaks to the node's containerd from the host: the archive need
// not be in the node's sight.
func (n *Node) importImage(ctx context.Context, m machine.Machine, path string) error {
	cmd := exec.CommandContext(ctx, filepath.Join(n.settings.Binaries, "ctr"),
		"--address", m.Path(socket), "--namespace", "k8s.io", "images", "import", path)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("importing image %s: %w: %s", path, err, bytes.TrimSpace(out.Bytes()))
	}
	return nil
}

func (n *Node) readImports() (map[string]archive, error) {
	have := map[string]archive{}
	b, err := n.settings.Disk.Read(importsFile)
	if errors.Is(err, fs.ErrNotExist) {
		return have, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading imported images: %w", err)
	}
	if err := json.Unmarshal(b, &have); err != nil {
		// Cut short by a loss of power. Importing again does no harm.
		return map[string]archive{}, nil
	}
	return have, nil
}

func (n *Node) writeImports(have map[string]archive) error {
	b, err := json.Marshal(have)
	if err != nil {
		return fmt.Errorf("recording imported images: %w", err)
	}
	return n.settings.Disk.Write(importsFile, b, 0o600)
}

func awaitSocket(ctx context.Context, path string) error {
	for {
		c, err := (&net.Dialer{}).DialContext(ctx, "unix", path)
		if err == nil {
			return c.Close()
		}
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}
