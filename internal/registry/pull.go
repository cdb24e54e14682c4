package registry

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/opencontainers/go-digest"
)

// pieceSize is how much of a layer is read at a time.
const pieceSize = 128 << 10

// isPull reports whether a request is for a layer's content. Who wants several parts of
// it at once, which nobody does, gets them from the library.
func isPull(req *http.Request) bool {
	repository, _, blob := strings.Cut(req.URL.Path, "/blobs/")
	return req.Method == http.MethodGet && blob && strings.HasPrefix(repository, "/v2/") && !strings.Contains(req.Header.Get("Range"), ",")
}

// pull answers with a layer. The library asks guard, finds the layer and says what there
// is to say of it, as for HEAD; its file goes out as it is. The library itself would read
// ahead 4 MiB for each one who pulls, which costs time, and memory when a hundred do.
func (a *app) pull(w http.ResponseWriter, req *http.Request) error {
	head := req.Clone(req.Context())
	head.Method = http.MethodHead
	found := &finding{ResponseWriter: w}
	a.handler.ServeHTTP(found, head)
	if found.status == 0 {
		return nil // it was answered
	}
	at, length, err := extent(w.Header())
	if err != nil {
		return err
	}
	file, err := a.layer(w.Header().Get("Docker-Content-Digest"))
	if err != nil {
		for _, said := range []string{"Accept-Ranges", "Cache-Control", "Content-Length", "Content-Range", "Content-Type", "Docker-Content-Digest", "Etag"} {
			w.Header().Del(said)
		}
		return err
	}
	defer file.Close()
	w.WriteHeader(found.status)
	piece, _ := a.pieces.Get().(*[]byte)
	if piece == nil {
		made := make([]byte, pieceSize)
		piece = &made
	}
	defer a.pieces.Put(piece)
	// Whoever stops reading has his reasons, and nothing can be said to him any more.
	_, _ = io.CopyBuffer(struct{ io.Writer }{w}, struct{ io.Reader }{io.NewSectionReader(file, at, length)}, *piece)
	return nil
}

// layer opens the file of a layer.
func (a *app) layer(name string) (*os.File, error) {
	d, err := digest.Parse(name)
	if err != nil {
		return nil, fmt.Errorf("reading the digest %q of a layer: %w", name, err)
	}
	file, err := os.Open(filepath.Join(a.folder, "docker", "registry", "v2", "blobs", d.Algorithm().String(), d.Encoded()[:2], d.Encoded(), "data"))
	if errors.Is(err, fs.ErrNotExist) { // it was collected at this moment
		return nil, &problem{status: http.StatusNotFound, Code: "BLOB_UNKNOWN", Message: "blob unknown to registry"}
	}
	return file, err
}

// extent is which part of a layer an answer promises.
func extent(h http.Header) (at, length int64, err error) {
	if length, err = strconv.ParseInt(h.Get("Content-Length"), 10, 64); err != nil {
		return 0, 0, fmt.Errorf("reading how long a layer is: %w", err)
	}
	if part, is := strings.CutPrefix(h.Get("Content-Range"), "bytes "); is {
		from, _, _ := strings.Cut(part, "-")
		if at, err = strconv.ParseInt(from, 10, 64); err != nil {
			return 0, 0, fmt.Errorf("reading where a part of a layer begins: %w", err)
		}
	}
	return at, length, nil
}

// finding lets every answer through but that a layer is there, which it keeps.
type finding struct {
	http.ResponseWriter
	status int
}

// WriteHeader implements http.ResponseWriter.
func (f *finding) WriteHeader(status int) {
	if status == http.StatusOK || status == http.StatusPartialContent {
		f.status = status
		return
	}
	f.ResponseWriter.WriteHeader(status)
}

// Unwrap is for http.ResponseController.
func (f *finding) Unwrap() http.ResponseWriter { return f.ResponseWriter }
