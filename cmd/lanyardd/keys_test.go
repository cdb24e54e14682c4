package main

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestKeysAreChangedWhileItServes(t *testing.T) {
	i := newInstance(t)
	if out, err := i.command(t, "keys", "list").CombinedOutput(); err == nil || !strings.Contains(string(out), "start lanyardd, whose keys these are") {
		t.Errorf("without a lanyardd: %v: %s", err, out)
	}
	defer i.serve(t)()
	published := i.publishedKeys(t)
	if len(published) != 2 {
		t.Fatalf("at the start %v are published", published)
	}
	listed := i.run(t, "keys", "list")
	if !strings.Contains(listed, published[0]+"  signs ") || !strings.Contains(listed, published[1]+"  published") {
		t.Errorf("published are %v, listed:\n%s", published, listed)
	}
	if said := i.run(t, "keys", "rotate"); !strings.HasPrefix(said, "key "+published[1]+" signs from ") {
		t.Errorf("rotating said %s", said)
	}
	if said, want := i.run(t, "keys", "drop", published[0]), "key "+published[0]+" is out of use; key "+published[1]+" signs\n"; said != want {
		t.Errorf("dropping said %s, not %s", said, want)
	}
	for deadline := time.Now().Add(readyLimit); slices.Contains(i.publishedKeys(t), published[0]); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("a dropped key is still published")
		}
	}
	if out, err := i.command(t, "keys", "drop", "nobody").CombinedOutput(); err == nil || !strings.Contains(string(out), "keys list names the keys") {
		t.Errorf("an unknown key: %v: %s", err, out)
	}
}

func (i *instance) run(t *testing.T, args ...string) string {
	t.Helper()
	out, err := i.command(t, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("lanyardd %s: %v: %s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// publishedKeys are the IDs in the key set that everybody reads.
func (i *instance) publishedKeys(t *testing.T) []string {
	t.Helper()
	response, err := client(t, i.ca(t)).Get(i.origin() + "/common/discovery/v2.0/keys")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var set struct {
		Keys []struct {
			ID string `json:"kid"`
		} `json:"keys"`
	}
	if err := json.NewDecoder(response.Body).Decode(&set); err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, k := range set.Keys {
		ids = append(ids, k.ID)
	}
	return ids
}
