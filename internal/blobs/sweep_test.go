package blobs

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/utils/clock"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/providers"
	"github.com/lanyard-project/lanyard/internal/store"
	"github.com/lanyard-project/lanyard/internal/store/storetest"
)

// containers are what ARM knows of.
type containers struct {
	providers.Resources
	all []*resource.Resource
}

func (c containers) List(context.Context, armid.ID, string) ([]*resource.Resource, error) {
	return c.all, nil
}

func newContainer(name string) *resource.Resource {
	return &resource.Resource{
		ID:         armid.MustParse("/subscriptions/0c37e7b6-4d0e-4bf1-a8f9-1f2c6f3a9d10/resourceGroups/rg/providers/Microsoft.Storage/storageAccounts/a/blobServices/default/containers/" + name),
		SystemData: resource.SystemData{CreatedAt: time.Now()},
	}
}

// TestStartRemovesWhatNobodyNames: a process that dies between the file and its
// record, or between a container and what it held, leaves nothing behind for ever.
func TestStartRemovesWhatNobodyNames(t *testing.T) {
	kept, gone := newContainer("kept"), newContainer("gone")
	s := &Service{Resources: containers{all: []*resource.Resource{kept}}, State: storetest.New(t), Dir: t.TempDir(), Clock: clock.RealClock{}, Log: slog.New(slog.DiscardHandler)}
	put := func(container *resource.Resource, name string) content {
		made, err := write(s.folder(boxOf(container)), "", strings.NewReader("content of "+name))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.keep(t.Context(), boxOf(container), name, blob{}, record{File: made.name, Size: made.size}); err != nil {
			t.Fatal(err)
		}
		return made
	}
	put(kept, "one")
	put(gone, "two")
	lost, err := write(s.folder(boxOf(kept)), "", strings.NewReader("no record was written"))
	if err != nil {
		t.Fatal(err)
	}
	waiting, err := write(s.waiting(boxOf(kept), "three"), "QUJD", strings.NewReader("a block that may still be committed"))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if _, file, err := s.open(t.Context(), boxOf(kept), "one"); err != nil {
		t.Errorf("what has a record: %v", err)
	} else {
		file.Close()
	}
	if _, err := os.Stat(waiting.path); err != nil {
		t.Errorf("a block that waits: %v", err)
	}
	for what, path := range map[string]string{"a file without a record": lost.path, "a container's that is gone": s.folder(boxOf(gone))} {
		if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is still there: %v", what, err)
		}
	}
	page, err := s.State.List(t.Context(), recordsPrefix, store.ListOptions{KeysOnly: true})
	if err != nil || len(page.Items) != 1 {
		t.Errorf("records: %v %v", page.Items, err)
	}
}

func TestRecordsOfOneContainerAreOneMadeAnew(t *testing.T) {
	first, second := newContainer("same"), newContainer("same")
	second.SystemData.CreatedAt = first.SystemData.CreatedAt.Add(time.Nanosecond)
	if boxOf(first) == boxOf(second) {
		t.Error("a container made anew would have the old one's blobs")
	}
	raw, err := first.Store()
	if err != nil {
		t.Fatal(err)
	}
	stored, err := resource.Load(raw, 1)
	if err != nil {
		t.Fatal(err)
	}
	if boxOf(stored) != boxOf(first) {
		t.Error("a container's blobs would be lost with a restart")
	}
}

func TestRanges(t *testing.T) {
	type got struct {
		Begin, Length int64
		Part          bool
		Status        int
	}
	for text, want := range map[string]got{
		"":                             {0, 10, false, 0},
		"bytes=0-3":                    {0, 4, true, 0},
		"bytes=4-":                     {4, 6, true, 0},
		"bytes=4-100":                  {4, 6, true, 0},
		"bytes=9-9":                    {9, 1, true, 0},
		"bytes=10-":                    {Status: 416},
		"bytes=5-4":                    {Status: 400},
		"bytes=-5":                     {Status: 400},
		"bytes=a-b":                    {Status: 400},
		"0-3":                          {Status: 400},
		"bytes=0-1,3-4":                {Status: 400},
		"bytes=0-99999999999999999999": {Status: 400},
	} {
		h := http.Header{}
		if text != "" {
			h.Set("Range", text)
		}
		begin, length, part, err := rangeOf(h, 10)
		found := got{begin, length, part, 0}
		var f *failure
		if errors.As(err, &f) {
			found = got{Status: f.status}
		}
		if diff := cmp.Diff(want, found); diff != "" {
			t.Errorf("%q: %s", text, diff)
		}
	}
}

func FuzzRange(f *testing.F) {
	for _, seed := range []string{"bytes=0-3", "bytes=4-", "bytes=-1", "bytes=9223372036854775807-", "", "bytes=1-0"} {
		f.Add(seed, int64(10))
	}
	f.Fuzz(func(t *testing.T, text string, size int64) {
		if size < 0 {
			return // no blob has such a size
		}
		begin, length, _, err := rangeOf(http.Header{"Range": {text}}, size)
		if err == nil && (begin < 0 || length < 0 || begin+length > size) {
			t.Errorf("%q of %d: %d and %d", text, size, begin, length)
		}
	})
}
