package blobs

import (
	"encoding/base64"
	"encoding/xml"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"

	"github.com/google/uuid"
)

const (
	mostBlocks   = 50000
	longestBlock = 64 // of an ID, decoded
	longestList  = 16 << 20
	// mostRepeated is how many bytes a list may add by naming blocks more than once:
	// who sends little must not be able to write much.
	mostRepeated = 256 << 20
)

// blockFile is the file of a block that waits: its ID in letters that file names
// can have.
func blockFile(id string) (string, error) {
	raw, err := base64.StdEncoding.DecodeString(id)
	if err != nil || len(raw) == 0 || len(raw) > longestBlock {
		return "", fail(http.StatusBadRequest, "InvalidQueryParameterValue", "Value for one of the query parameters specified in the request URI is invalid: blockid must be 1 to 64 bytes in base64.")
	}
	return base64.RawURLEncoding.EncodeToString(raw), nil
}

func (s *Service) putBlock(w http.ResponseWriter, c *call) error {
	if _, err := s.mayWrite(c); err != nil {
		return err
	}
	if _, err := s.enterContainer(c); err != nil {
		return err
	}
	if c.Header.Get("x-ms-copy-source") != "" {
		return unsupported("copies")
	}
	name, err := blockFile(c.query.Get("blockid"))
	if err != nil {
		return err
	}
	// Each has a file of its own: a client that gave up on one may still be sending it.
	made, err := s.receive(c, s.waiting(c.box, c.name), name+"."+uuid.NewString())
	if err != nil {
		return err
	}
	now := s.Clock.Now() // what expires does so by the cloud's clock
	if err := errors.Join(os.Chtimes(made.path, now, now), os.Rename(made.path, filepath.Join(filepath.Dir(made.path), name))); err != nil {
		made.discard()
		return err
	}
	w.Header().Set("Content-MD5", base64.StdEncoding.EncodeToString(made.md5))
	w.Header().Set("x-ms-request-server-encrypted", "true")
	w.WriteHeader(http.StatusCreated)
	return nil
}

// chosen is one entry of a block list: a block, and where it is looked for.
type chosen struct {
	XMLName xml.Name // Committed, Uncommitted or Latest
	ID      string   `xml:",chardata"`
}

// putBlocks puts a blob together of blocks.
func (s *Service) putBlocks(w http.ResponseWriter, c *call) error {
	onlyNew, err := s.mayWrite(c)
	if err != nil {
		return err
	}
	if _, err := s.enterContainer(c); err != nil {
		return err
	}
	var list struct {
		Blocks []chosen `xml:",any"`
	}
	raw, err := io.ReadAll(io.LimitReader(c.Body, longestList))
	if err != nil {
		return err
	}
	if xml.Unmarshal(raw, &list) != nil || len(list.Blocks) > mostBlocks {
		return fail(http.StatusBadRequest, "InvalidXmlDocument", "XML specified is not syntactically valid.")
	}
	var last content
	next, err := s.change(c.Context(), c.box, c.name, func(old blob) (record, error) {
		if last.path != "" {
			last.discard()
		}
		if onlyNew && old.revision > 0 {
			return record{}, notAllowed()
		}
		if err := met(c.Header, old); err != nil {
			return record{}, err
		}
		made, blocks, err := s.assemble(c, old, list.Blocks)
		if err != nil {
			return record{}, err
		}
		last = made
		next := s.written(c, old, made)
		next.Blocks = blocks
		next.MD5, _ = base64.StdEncoding.DecodeString(c.Header.Get("x-ms-blob-content-md5")) // the client's word for the whole, if it gives one
		return next, nil
	})
	if err != nil {
		if last.path != "" {
			last.discard()
		}
		return err
	}
	if err := os.RemoveAll(s.waiting(c.box, c.name)); err != nil {
		s.Log.WarnContext(c.Context(), "blocks that aren't needed any more stay", "error", err)
	}
	next.stamp(w.Header())
	w.WriteHeader(http.StatusCreated)
	return nil
}

// assemble writes the chosen blocks into one file.
func (s *Service) assemble(c *call, old blob, list []chosen) (content, []block, error) {
	var parts []io.Reader
	var blocks []block
	var committed *os.File
	if old.revision > 0 {
		var err error
		if committed, err = os.Open(filepath.Join(s.folder(c.box), old.File)); err != nil {
			return content{}, nil, err
		}
		defer committed.Close()
	}
	named, repeated := map[chosen]bool{}, int64(0)
	for _, one := range list {
		name, err := blockFile(one.ID)
		if err != nil {
			return content{}, nil, fail(http.StatusBadRequest, "InvalidBlockId", "The specified block ID is invalid. The block ID must be Base64-encoded.")
		}
		if one.XMLName.Local != "Committed" {
			path := filepath.Join(s.waiting(c.box, c.name), name)
			info, err := os.Stat(path)
			if err == nil {
				waiting := &waitingBlock{path: path}
				defer waiting.close() // where reading it stopped halfway
				parts, blocks = append(parts, waiting), append(blocks, block{one.ID, info.Size()})
				if repeated += again(named, one, info.Size()); repeated > mostRepeated {
					return content{}, nil, tooOftenNamed()
				}
				continue
			}
			if !errors.Is(err, fs.ErrNotExist) {
				return content{}, nil, err
			}
		}
		at, size, ok := old.part(one.ID)
		if !ok || one.XMLName.Local == "Uncommitted" {
			return content{}, nil, fail(http.StatusBadRequest, "InvalidBlockList", "The specified block list is invalid.")
		}
		parts, blocks = append(parts, io.NewSectionReader(committed, at, size)), append(blocks, block{one.ID, size})
		if repeated += again(named, one, size); repeated > mostRepeated {
			return content{}, nil, tooOftenNamed()
		}
	}
	made, err := write(s.folder(c.box), "", parts...)
	return made, blocks, err
}

// again is how much a block adds that was named before.
func again(named map[chosen]bool, one chosen, size int64) int64 {
	if named[one] {
		return size
	}
	named[one] = true
	return 0
}

func tooOftenNamed() *failure {
	return fail(http.StatusBadRequest, "InvalidBlockList", "The specified block list is invalid. Blocks that are named more than once may add up to 256 MiB here: upload them again under other IDs.")
}

// waitingBlock is a block's file, open only while it is read: a list may have
// 50,000 of them, which are more files than the process can have open.
type waitingBlock struct {
	path string
	file *os.File
}

func (b *waitingBlock) Read(p []byte) (n int, err error) {
	if b.file == nil {
		if b.file, err = os.Open(b.path); err != nil {
			return 0, err
		}
	}
	if n, err = b.file.Read(p); err != nil {
		b.close()
	}
	return n, err
}

func (b *waitingBlock) close() {
	if b.file != nil {
		_ = b.file.Close() // read only
	}
}

// part is where in the content a committed block is.
func (b blob) part(id string) (at, size int64, ok bool) {
	for _, one := range b.Blocks {
		if one.ID == id {
			return at, one.Size, true
		}
		at += one.Size
	}
	return 0, 0, false
}

type listedBlock struct {
	Name string `xml:"Name"`
	Size int64  `xml:"Size"`
}

func (s *Service) getBlocks(w http.ResponseWriter, c *call) error {
	if err := s.may(c, "read"); err != nil {
		return err
	}
	if _, err := s.enterContainer(c); err != nil {
		return err
	}
	found, err := s.find(c.Context(), c.box, c.name)
	var missing *failure
	if err != nil && !errors.As(err, &missing) {
		return err
	}
	waiting, readErr := os.ReadDir(s.waiting(c.box, c.name))
	if readErr != nil && !errors.Is(readErr, fs.ErrNotExist) {
		return readErr
	}
	if err != nil && len(waiting) == 0 {
		return err
	}
	var body struct {
		XMLName     xml.Name      `xml:"BlockList"`
		Committed   []listedBlock `xml:"CommittedBlocks>Block"`
		Uncommitted []listedBlock `xml:"UncommittedBlocks>Block"`
	}
	kind := c.query.Get("blocklisttype")
	if kind != "uncommitted" {
		for _, b := range found.Blocks {
			body.Committed = append(body.Committed, listedBlock{b.ID, b.Size})
		}
	}
	if kind == "uncommitted" || kind == "all" {
		for _, entry := range waiting {
			raw, decodeErr := base64.RawURLEncoding.DecodeString(entry.Name())
			info, infoErr := entry.Info()
			if decodeErr == nil && infoErr == nil { // one that is being written isn't there yet
				body.Uncommitted = append(body.Uncommitted, listedBlock{base64.StdEncoding.EncodeToString(raw), info.Size()})
			}
		}
		slices.SortFunc(body.Uncommitted, func(a, b listedBlock) int {
			if a.Name < b.Name {
				return -1
			}
			return 1
		})
	}
	if found.revision > 0 {
		found.stamp(w.Header())
		w.Header().Del("x-ms-request-server-encrypted")
	}
	writeXML(w, http.StatusOK, body)
	return nil
}
