package blobs

import (
	"context"
	"crypto/md5" //nolint:gosec // the protocol's Content-MD5, for integrity
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/google/uuid"

	"github.com/lanyard-project/lanyard/internal/store"
)

// recordsPrefix is below which the records of blobs are: by box and name.
const recordsPrefix = "/lanyard/blobs/"

// record is what is known of a blob.
type record struct {
	File     string            `json:"file"`
	Size     int64             `json:"size"`
	MD5      []byte            `json:"md5,omitempty"`
	Headers  contentHeaders    `json:"headers"`
	Metadata map[string]string `json:"metadata,omitempty"`
	Created  time.Time         `json:"created"`
	Modified time.Time         `json:"modified"`
	// Blocks that the content was put together of, in its order; none for a blob that
	// was put at once.
	Blocks []block `json:"blocks,omitempty"`
}

type contentHeaders struct {
	Type        string `json:"type,omitempty"`
	Encoding    string `json:"encoding,omitempty"`
	Language    string `json:"language,omitempty"`
	Disposition string `json:"disposition,omitempty"`
	Cache       string `json:"cache,omitempty"`
}

type block struct {
	ID   string `json:"id"` // as clients send it: base64
	Size int64  `json:"size"`
}

// blob is a record with its revision.
type blob struct {
	record
	revision int64
}

func (b blob) etag() string { return fmt.Sprintf("\"0x%X\"", b.revision) }

// box is the content of one container: named after the container and when it was
// made, so that one made anew is empty.
type box string

func (b box) key(name string) string { return recordsPrefix + string(b) + "/" + name }

func (s *Service) folder(b box) string { return filepath.Join(s.Dir, string(b)) }

// waitingPrefix begins the names of folders with blocks.
const waitingPrefix = "blocks-"

// waiting is the folder of the blocks of a blob that aren't committed yet.
func (s *Service) waiting(b box, name string) string {
	sum := md5.Sum([]byte(name)) //nolint:gosec // shortens a name
	return filepath.Join(s.folder(b), waitingPrefix+hex.EncodeToString(sum[:]))
}

// find reads a blob's record.
func (s *Service) find(ctx context.Context, b box, name string) (blob, error) {
	item, err := s.State.Get(ctx, b.key(name))
	if errors.Is(err, store.ErrNotFound) {
		return blob{}, blobNotFound()
	}
	if err != nil {
		return blob{}, err
	}
	return decode(item)
}

func decode(item store.Item) (blob, error) {
	found := blob{revision: item.Revision}
	if err := json.Unmarshal(item.Value, &found.record); err != nil {
		return blob{}, fmt.Errorf("reading the record of a blob: %w", err)
	}
	return found, nil
}

// keep writes a record where the one that was decided about still is, and removes
// the file that nobody names any more.
func (s *Service) keep(ctx context.Context, b box, name string, old blob, next record) (blob, error) {
	value, err := json.Marshal(next)
	if err != nil {
		return blob{}, err
	}
	revision, err := s.State.Txn(ctx, []store.Cond{store.Unchanged(b.key(name), old.revision)}, []store.Op{store.Put(b.key(name), value)})
	if err != nil {
		return blob{}, err
	}
	if old.File != "" && old.File != next.File {
		_ = os.Remove(filepath.Join(s.folder(b), old.File)) // else the next start's work
	}
	return blob{next, revision}, nil
}

// change decides about a blob and writes it, anew when somebody else wrote
// meanwhile. edit gets what is there, the zero blob if nothing.
func (s *Service) change(ctx context.Context, b box, name string, edit func(old blob) (record, error)) (blob, error) {
	for {
		old, err := s.find(ctx, b, name)
		var missing *failure
		if err != nil && (!errors.As(err, &missing) || missing.status != 404) {
			return blob{}, err
		}
		next, err := edit(old)
		if err != nil {
			return blob{}, err
		}
		made, err := s.keep(ctx, b, name, old, next)
		if !errors.Is(err, store.ErrConflict) {
			return made, err
		}
	}
}

// content is a file that was written and has no record yet.
type content struct {
	name string
	path string
	size int64
	md5  []byte
}

// discard removes content whose record wasn't written.
func (c content) discard() { _ = os.Remove(c.path) } // else the next start's work

// write makes a file of everything that is read, synced to the disk.
func write(folder, name string, from ...io.Reader) (c content, err error) {
	if name == "" {
		name = uuid.NewString()
	}
	c = content{name: name, path: filepath.Join(folder, name)}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return c, err
	}
	file, err := os.OpenFile(c.path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return c, err
	}
	sum := md5.New() //nolint:gosec // the protocol's
	for _, r := range from {
		var n int64
		if n, err = io.Copy(io.MultiWriter(file, sum), r); err != nil {
			break
		}
		c.size += n
	}
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		c.discard()
		return c, err
	}
	c.md5 = sum.Sum(nil)
	return c, nil
}

// open opens a blob's content, of the record that is there when it succeeds.
func (s *Service) open(ctx context.Context, b box, name string) (blob, *os.File, error) {
	for {
		found, err := s.find(ctx, b, name)
		if err != nil {
			return found, nil, err
		}
		file, err := os.Open(filepath.Join(s.folder(b), found.File))
		if !errors.Is(err, fs.ErrNotExist) {
			return found, file, err
		}
		// It was replaced between the two, or the disk has lost it.
		again, err := s.find(ctx, b, name)
		if err == nil && again.revision == found.revision {
			err = fmt.Errorf("the content of a blob is missing: %s", found.File)
		}
		if err != nil {
			return again, nil, err
		}
	}
}
