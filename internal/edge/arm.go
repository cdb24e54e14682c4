package edge

import (
	"encoding/json"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/lanyard-project/lanyard/internal/arm/pipeline"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
)

// armHandler turns requests into the pipeline's calls and writes its responses.
type armHandler struct {
	arm     ARM
	origins *origins
	fixed   http.Header // of every answer
	kind    []string    // Content-Type of those with a body
	log     *slog.Logger
}

func newARMHandler(arm ARM, origins *origins, log *slog.Logger) *armHandler {
	return &armHandler{arm: arm, origins: origins, log: log, kind: []string{"application/json; charset=utf-8"}, fixed: http.Header{
		"Strict-Transport-Security": {"max-age=31536000; includeSubDomains"},
		"X-Content-Type-Options":    {"nosniff"},
		"Cache-Control":             {"no-cache"},
		"Pragma":                    {"no-cache"},
		"Expires":                   {"-1"},
	}}
}

func (h *armHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if encodesSlash(r.URL) {
		// An encoded slash would be one name to us and two to somebody else.
		h.write(w, r, rest.Response{Status: http.StatusBadRequest,
			Body: rest.NewError(http.StatusBadRequest, "InvalidResourceId", "The path of the request holds an encoded slash.")})
		return
	}
	ids := idsOf(w)
	handle := h.arm.Handle
	const debug = "/debug/"
	if len(r.URL.Path) >= len(debug) && strings.EqualFold(r.URL.Path[:len(debug)], debug) {
		handle = h.arm.Gaps
	}
	h.write(w, r, handle(r.Context(), pipeline.Call{
		Method: r.Method, Path: r.URL.Path, Query: r.URL.Query(), Header: r.Header, Body: r.Body,
		Origin: h.origins.of(r), RequestID: ids.request, CorrelationID: ids.correlation,
	}))
}

// encodesSlash reports whether the path was sent with an encoded slash. net/url
// keeps the path as it was sent where it isn't what the decoded one would be sent as.
func encodesSlash(u *url.URL) bool {
	return u.RawPath != "" && strings.Contains(strings.ToLower(u.EscapedPath()), "%2f")
}

// oneWrite is what net/http holds back until a handler returns; up to it, it counts
// the bytes of an answer itself.
const oneWrite = 2048

func (h *armHandler) write(w http.ResponseWriter, r *http.Request, response rest.Response) {
	header := w.Header()
	maps.Copy(header, h.fixed)
	for name, values := range response.Header {
		header[name] = values
	}
	if response.Body == nil {
		w.WriteHeader(response.Status)
		return
	}
	body, err := encoded(response.Body)
	if err != nil {
		h.log.Error("encoding an answer", "path", r.URL.Path, "error", err)
		http.Error(w, "internal error", http.StatusInternalServerError)
		return
	}
	header["Content-Type"] = h.kind
	if len(body) >= oneWrite || r.Method == http.MethodHead {
		header.Set("Content-Length", strconv.Itoa(len(body)))
	}
	w.WriteHeader(response.Status)
	if r.Method == http.MethodHead {
		return
	}
	if _, err := w.Write(body); err != nil {
		h.log.Debug("client went away", "path", r.URL.Path, "error", err)
	}
}

// encoded is a body as JSON. What the pipeline has encoded isn't read again.
func encoded(body any) ([]byte, error) {
	switch body := body.(type) {
	case json.RawMessage:
		return body, nil
	case rest.Page:
		return body.Encode()
	}
	return json.Marshal(body)
}
