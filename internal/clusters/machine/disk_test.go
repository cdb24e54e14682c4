package machine

import (
	"os"
	"path/filepath"
	"testing"
)

func TestDiskFollowsNoLinkOut(t *testing.T) {
	outside := t.TempDir()
	d := Disk{Dir: filepath.Join(t.TempDir(), "disk")}
	if err := d.Ensure("node"); err != nil {
		t.Fatal(err)
	}
	// A pod that mounts the node's /etc can do this.
	if err := os.Symlink(outside, d.Path("/etc/kubernetes")); err != nil {
		t.Fatal(err)
	}
	if err := d.Write("/etc/kubernetes/azure.json", []byte("{}"), 0o600); err == nil {
		t.Error("a file was written through a link that leads out of the disk")
	}
	if entries, err := os.ReadDir(outside); err != nil || len(entries) > 0 {
		t.Errorf("outside there is %v, %v", entries, err)
	}
	if err := os.WriteFile(filepath.Join(outside, "secret"), []byte("s"), 0o600); err != nil {
		t.Fatal(err)
	}
	if b, err := d.Read("/etc/kubernetes/secret"); err == nil {
		t.Errorf("read %q through a link that leads out of the disk", b)
	}
}

func TestDiskEnsureTwice(t *testing.T) {
	d := Disk{Dir: filepath.Join(t.TempDir(), "disk")}
	for range 2 {
		if err := d.Ensure("node"); err != nil {
			t.Fatal(err)
		}
	}
	if b, err := d.Read("/etc/hostname"); err != nil || string(b) != "node\n" {
		t.Errorf("host name is %q, %v", b, err)
	}
}
