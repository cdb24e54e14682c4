package blobs

import (
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	clocktesting "k8s.io/utils/clock/testing"
)

// Who may write one blob must not use up the files that the whole process can have open.
func TestBlocksAreOpenOnlyWhileTheyAreRead(t *testing.T) {
	dir := t.TempDir()
	var parts []io.Reader
	var want bytes.Buffer
	for i := range 200 {
		path, text := filepath.Join(dir, fmt.Sprint(i)), fmt.Sprintf("block %d\n", i)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		want.WriteString(text)
		parts = append(parts, &waitingBlock{path: path})
	}
	before := openFiles(t)
	last := &waitingBlock{path: filepath.Join(dir, "0")}
	made, err := write(t.TempDir(), "", append(parts, measured{t, before}, last)...)
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(made.path)
	if err != nil || string(got) != want.String()+"block 0\n" {
		t.Errorf("%d bytes were written, %d wanted: %v", len(got), want.Len(), err)
	}
}

// measured counts open files when it is its turn to be read.
type measured struct {
	t      *testing.T
	before int
}

func (m measured) Read([]byte) (int, error) {
	if now := openFiles(m.t); now > m.before+10 {
		m.t.Errorf("%d files are open, %d before", now, m.before)
	}
	return 0, io.EOF
}

func openFiles(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// Who sends one block must not be able to fill the disk by naming it 50,000 times.
func TestABlockListOfOneBlockManyTimesIsBounded(t *testing.T) {
	s := &Service{Dir: t.TempDir(), Clock: clocktesting.NewFakeClock(time.Now()), Log: slog.New(slog.DiscardHandler)}
	c := &call{Request: &http.Request{}, box: "box", name: "blob"}
	id := base64.StdEncoding.EncodeToString([]byte("one"))
	name, err := blockFile(id)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := write(s.waiting(c.box, c.name), name, bytes.NewReader(make([]byte, 8<<20))); err != nil {
		t.Fatal(err)
	}
	list := make([]chosen, mostBlocks)
	for i := range list {
		list[i] = chosen{XMLName: xml.Name{Local: "Latest"}, ID: id}
	}
	_, _, err = s.assemble(c, blob{}, list)
	var refused *failure
	if !errors.As(err, &refused) || refused.status != http.StatusBadRequest || refused.code != "InvalidBlockList" {
		t.Errorf("naming a block %d times: %v", len(list), err)
	}
	entries, err := os.ReadDir(s.folder(c.box))
	if err != nil || len(entries) != 1 {
		t.Errorf("something was written: %v %v", entries, err)
	}
	made, blocks, err := s.assemble(c, blob{}, list[:3])
	if err != nil || made.size != 24<<20 || len(blocks) != 3 {
		t.Errorf("three times: %d bytes of %d blocks: %v", made.size, len(blocks), err)
	}
}

func TestBlocksThatNobodyCommitsExpire(t *testing.T) {
	clk := clocktesting.NewFakeClock(time.Now())
	s := &Service{Dir: t.TempDir(), Clock: clk, Log: slog.New(slog.DiscardHandler)}
	put := func(blob, block string) string {
		made, err := write(s.waiting("box", blob), block, bytes.NewReader([]byte("x")))
		if err == nil {
			err = os.Chtimes(made.path, clk.Now(), clk.Now())
		}
		if err != nil {
			t.Fatal(err)
		}
		return made.path
	}
	exists := func(path string) bool { _, err := os.Stat(path); return err == nil }
	content := put("", "unused") // is in a folder of its own
	if err := os.Rename(content, filepath.Join(s.folder("box"), "content")); err != nil {
		t.Fatal(err)
	}
	old, first := put("old", "a"), put("grows", "a")
	clk.Step(blocksLast - time.Hour)
	second := put("grows", "b")
	clk.Step(2 * time.Hour)
	for range 2 {
		if err := s.expire(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if exists(old) || exists(filepath.Dir(old)) {
		t.Error("a block is kept for longer than a week")
	}
	if !exists(first) || !exists(second) {
		t.Error("blocks of a blob are gone, although the last one came two hours ago")
	}
	if !exists(filepath.Join(s.folder("box"), "content")) {
		t.Error("the content of a blob is gone")
	}
}
