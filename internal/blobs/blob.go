package blobs

import (
	"bytes"
	"encoding/base64"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// largest is how much one request brings.
const largest = 5000 << 20

func (s *Service) serveBlob(w http.ResponseWriter, c *call) error {
	comp := c.query.Get("comp")
	for _, member := range []string{"snapshot", "versionid"} {
		if c.query.Has(member) {
			return unsupported("snapshots and versions")
		}
	}
	switch {
	case comp == "" && (c.Method == http.MethodGet || c.Method == http.MethodHead):
		return s.getBlob(w, c)
	case comp == "metadata" && (c.Method == http.MethodGet || c.Method == http.MethodHead):
		return s.getMetadata(w, c)
	case comp == "blocklist" && c.Method == http.MethodGet:
		return s.getBlocks(w, c)
	case comp == "" && c.Method == http.MethodPut:
		return s.putBlob(w, c)
	case comp == "block" && c.Method == http.MethodPut:
		return s.putBlock(w, c)
	case comp == "blocklist" && c.Method == http.MethodPut:
		return s.putBlocks(w, c)
	case comp == "metadata" && c.Method == http.MethodPut:
		return s.edit(w, c, func(r *record) { r.Metadata = metadataOf(c.Header) })
	case comp == "properties" && c.Method == http.MethodPut:
		return s.edit(w, c, func(r *record) {
			checked := c.Header.Get("x-ms-blob-content-md5")
			r.Headers = headersOf(c.Header)
			r.MD5, _ = base64.StdEncoding.DecodeString(checked) // none, if it is none
		})
	case comp == "" && c.Method == http.MethodDelete:
		return s.deleteBlob(w, c)
	default:
		return unsupported("the operation " + c.Method + " comp=" + comp + " on blobs")
	}
}

func (s *Service) getBlob(w http.ResponseWriter, c *call) error {
	if err := s.may(c, "read"); err != nil {
		return err
	}
	if _, err := s.enterContainer(c); err != nil {
		return err
	}
	found, file, err := s.open(c.Context(), c.box, c.name)
	if err != nil {
		return err
	}
	defer file.Close()
	if err := met(c.Header, found); err != nil {
		return err
	}
	begin, length, part, err := rangeOf(c.Header, found.Size)
	if err != nil {
		w.Header().Set("Content-Range", "bytes */"+strconv.FormatInt(found.Size, 10))
		return err
	}
	h := w.Header()
	found.show(h)
	h.Set("Accept-Ranges", "bytes")
	h.Set("Content-Length", strconv.FormatInt(length, 10))
	status := http.StatusOK
	if part {
		status = http.StatusPartialContent
		h.Set("Content-Range", "bytes "+strconv.FormatInt(begin, 10)+"-"+strconv.FormatInt(begin+length-1, 10)+"/"+strconv.FormatInt(found.Size, 10))
		if len(found.MD5) > 0 {
			h.Del("Content-MD5") // it is the whole one's
			h.Set("x-ms-blob-content-md5", base64.StdEncoding.EncodeToString(found.MD5))
		}
	}
	w.WriteHeader(status)
	if c.Method == http.MethodHead {
		return nil
	}
	if _, err := io.Copy(w, io.NewSectionReader(file, begin, length)); err != nil {
		s.Log.DebugContext(c.Context(), "a download ended early", "error", err)
	}
	return nil
}

func (s *Service) getMetadata(w http.ResponseWriter, c *call) error {
	if err := s.may(c, "read"); err != nil {
		return err
	}
	if _, err := s.enterContainer(c); err != nil {
		return err
	}
	found, err := s.find(c.Context(), c.box, c.name)
	if err != nil {
		return err
	}
	if err := met(c.Header, found); err != nil {
		return err
	}
	found.stamp(w.Header())
	found.showMetadata(w.Header())
	return nil
}

// mayWrite decides about a write: whoever may only add must not overwrite.
func (s *Service) mayWrite(c *call) (onlyNew bool, err error) {
	if s.may(c, "write") == nil {
		return false, nil
	}
	return true, s.may(c, "add/action")
}

func (s *Service) putBlob(w http.ResponseWriter, c *call) error {
	onlyNew, err := s.mayWrite(c)
	if err != nil {
		return err
	}
	if _, err := s.enterContainer(c); err != nil {
		return err
	}
	if c.Header.Get("x-ms-copy-source") != "" {
		return unsupported("copies")
	}
	if kind := c.Header.Get("x-ms-blob-type"); kind != "BlockBlob" {
		return unsupported("blobs of the type " + strconv.Quote(kind) + " (x-ms-blob-type)")
	}
	made, err := s.receive(c, s.folder(c.box), "")
	if err != nil {
		return err
	}
	next, err := s.change(c.Context(), c.box, c.name, func(old blob) (record, error) {
		if onlyNew && old.revision > 0 {
			return record{}, notAllowed()
		}
		if err := met(c.Header, old); err != nil {
			return record{}, err
		}
		return s.written(c, old, made), nil
	})
	if err != nil {
		made.discard()
		return err
	}
	next.stamp(w.Header())
	w.Header().Set("Content-MD5", base64.StdEncoding.EncodeToString(made.md5))
	w.WriteHeader(http.StatusCreated)
	return nil
}

// written is the record of new content.
func (s *Service) written(c *call, old blob, made content) record {
	now := s.Clock.Now().UTC()
	next := record{File: made.name, Size: made.size, MD5: made.md5, Headers: headersOf(c.Header), Metadata: metadataOf(c.Header), Created: now, Modified: now}
	if old.revision > 0 {
		next.Created = old.Created
	}
	if next.Headers.Type == "" {
		next.Headers.Type = "application/octet-stream"
	}
	return next
}

// receive writes the body to a file, and checks it against what was announced.
func (s *Service) receive(c *call, folder, name string) (content, error) {
	if c.ContentLength < 0 && len(c.TransferEncoding) == 0 && c.ProtoMajor < 2 {
		return content{}, fail(http.StatusLengthRequired, "MissingContentLengthHeader", "The Content-Length header was not specified.")
	}
	if c.ContentLength > largest {
		return content{}, tooLarge()
	}
	made, err := write(folder, name, io.LimitReader(c.Body, largest+1))
	if err != nil {
		return made, err
	}
	sum := c.Header.Get("Content-MD5")
	switch wanted, err := base64.StdEncoding.DecodeString(sum); {
	case made.size > largest:
		made.discard()
		return made, tooLarge()
	case sum == "":
		return made, nil
	case err != nil || len(wanted) != len(made.md5):
		made.discard()
		return made, fail(http.StatusBadRequest, "InvalidMd5", "The MD5 value specified in the request is invalid.")
	case !bytes.Equal(wanted, made.md5):
		made.discard()
		return made, fail(http.StatusBadRequest, "Md5Mismatch", "The MD5 value specified in the request did not match with the MD5 value calculated by the server.")
	}
	return made, nil
}

func tooLarge() *failure {
	return fail(http.StatusRequestEntityTooLarge, "RequestBodyTooLarge", "The request body is too large and exceeds the maximum permissible limit.")
}

// edit changes what a blob says of itself.
func (s *Service) edit(w http.ResponseWriter, c *call, change func(*record)) error {
	if err := s.may(c, "write"); err != nil {
		return err
	}
	if _, err := s.enterContainer(c); err != nil {
		return err
	}
	next, err := s.change(c.Context(), c.box, c.name, func(old blob) (record, error) {
		if old.revision == 0 {
			return record{}, blobNotFound()
		}
		if err := met(c.Header, old); err != nil {
			return record{}, err
		}
		next := old.record
		next.Modified = s.Clock.Now().UTC()
		change(&next)
		return next, nil
	})
	if err != nil {
		return err
	}
	next.stamp(w.Header())
	return nil
}

// stamp says which state of the blob an answer is about.
func (b blob) stamp(h http.Header) {
	h.Set("ETag", b.etag())
	h.Set("Last-Modified", httpTime(b.Modified))
	h.Set("x-ms-request-server-encrypted", "true")
}

// show says everything about the blob.
func (b blob) show(h http.Header) {
	b.stamp(h)
	b.showMetadata(h)
	h.Del("x-ms-request-server-encrypted")
	h.Set("x-ms-server-encrypted", "true")
	for name, value := range map[string]string{
		"Content-Type": b.Headers.Type, "Content-Encoding": b.Headers.Encoding, "Content-Language": b.Headers.Language,
		"Content-Disposition": b.Headers.Disposition, "Cache-Control": b.Headers.Cache, "Content-MD5": base64.StdEncoding.EncodeToString(b.MD5),
		"x-ms-blob-type": "BlockBlob", "x-ms-creation-time": httpTime(b.Created), "x-ms-lease-status": "unlocked", "x-ms-lease-state": "available",
		"x-ms-access-tier": "Hot", "x-ms-access-tier-inferred": "true",
	} {
		if value != "" {
			h.Set(name, value)
		}
	}
}

func (b blob) showMetadata(h http.Header) {
	for name, value := range b.Metadata {
		h["x-ms-meta-"+name] = []string{value} // as it was sent, not as Go spells headers
	}
}

const metadataPrefix = "X-Ms-Meta-"

func metadataOf(h http.Header) map[string]string {
	out := map[string]string{}
	for name, values := range h {
		if key, ok := strings.CutPrefix(name, metadataPrefix); ok && key != "" {
			out[strings.ToLower(key)] = strings.Join(values, ",")
		}
	}
	return out
}

func headersOf(h http.Header) contentHeaders {
	first := func(names ...string) string {
		for _, name := range names {
			if value := h.Get(name); value != "" {
				return value
			}
		}
		return ""
	}
	kind := first("x-ms-blob-content-type")
	if kind == "" && h.Get("x-ms-blob-type") != "" {
		kind = h.Get("Content-Type")
	}
	return contentHeaders{
		Type: kind, Encoding: first("x-ms-blob-content-encoding"), Language: first("x-ms-blob-content-language"),
		Disposition: first("x-ms-blob-content-disposition"), Cache: first("x-ms-blob-cache-control"),
	}
}
