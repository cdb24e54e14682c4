package clusters

import (
	"os"
	"path/filepath"
	"testing"
)

const (
	diskA = "11111111-1111-4111-8111-111111111111"
	diskB = "22222222-2222-4222-8222-222222222222"
)

// diskEngine has the records of a cluster with two nodes, and nothing that runs.
func diskEngine(t *testing.T) *Engine {
	t.Helper()
	e := &Engine{options: Options{DataDir: t.TempDir()}, locks: locks{held: map[string]*lock{}}}
	if err := e.saveCluster(clusterRecord{ControlPlane: ControlPlane{ID: "c"}}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a", "b"} {
		if err := save(filepath.Join(e.nodeDir("c", name), "node.json"), Node{ClusterID: "c", Name: name, ProviderID: "azure://" + name}); err != nil {
			t.Fatal(err)
		}
		if err := e.nodeDisk("c", name).Ensure(name); err != nil {
			t.Fatal(err)
		}
	}
	return e
}

func (e *Engine) diskOf(node, id string) string {
	return e.nodeDisk("c", node).Path(filepath.Join(nodeDisks, id))
}

func place(t *testing.T, e *Engine, wanted map[string][]string, all ...string) {
	t.Helper()
	for range 2 { // no different the second time
		if err := e.PlaceDisks(t.Context(), wanted, all); err != nil {
			t.Fatal(err)
		}
	}
}

func TestDisksGoWhereTheyAreAttached(t *testing.T) {
	e := diskEngine(t)
	place(t, e, map[string][]string{"azure://a": {diskA}}, diskA, diskB)
	if err := os.WriteFile(filepath.Join(e.diskOf("a", diskA), "word"), []byte("kept"), 0o600); err != nil {
		t.Fatal(err)
	}
	place(t, e, map[string][]string{"azure://b": {diskA, diskB}}, diskA, diskB)
	if got, err := os.ReadFile(filepath.Join(e.diskOf("b", diskA), "word")); err != nil || string(got) != "kept" {
		t.Errorf("on the other node the disk says %q, %v", got, err)
	}
	if _, err := os.Lstat(e.diskOf("a", diskA)); !os.IsNotExist(err) {
		t.Errorf("the disk is on both nodes: %v", err)
	}
	// A node that is removed gives back what it has.
	if err := e.rescueDisks("c", "b"); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(filepath.Join(e.options.DataDir, "disks", diskA, "word")); err != nil || string(got) != "kept" {
		t.Errorf("after its node was removed the disk says %q, %v", got, err)
	}
	// A disk that is gone goes with its content.
	place(t, e, nil, diskB)
	if _, err := os.Lstat(filepath.Join(e.options.DataDir, "disks", diskA)); !os.IsNotExist(err) {
		t.Errorf("the content of a disk that is gone is there: %v", err)
	}
}

// A node's root owns its folders: what it makes of them must not lead to the host.
func TestDisksFollowNoLinkOfANode(t *testing.T) {
	e := diskEngine(t)
	outside := t.TempDir()
	folder := e.nodeDisk("c", "a").Path(nodeDisks)
	if err := os.MkdirAll(filepath.Dir(folder), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, folder); err != nil {
		t.Fatal(err)
	}
	if err := e.PlaceDisks(t.Context(), map[string][]string{"azure://a": {diskA}}, []string{diskA}); err == nil {
		t.Error("a folder that leads out of the node's disk is taken")
	}
	entries, err := os.ReadDir(outside)
	if err != nil || len(entries) != 0 {
		t.Errorf("outside of the node there is %v, %v", entries, err)
	}
}
