package blobs

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
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
