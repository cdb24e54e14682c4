package wire

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// response collects an answer, so that it goes out in one piece and with its length.
type response struct {
	header http.Header
	status int
	body   []byte
}

// Header gives the answer's headers.
func (w *response) Header() http.Header { return w.header }

// WriteHeader sets the status; the first one counts.
func (w *response) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
}

// Write adds to the body.
func (w *response) Write(body []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	w.body = append(w.body, body...)
	return len(body), nil
}

func (w *response) reset() {
	clear(w.header)
	clear(w.body) // it may hold a token
	w.status, w.body = 0, w.body[:0]
	const keep = 16 << 10
	if cap(w.body) > keep {
		w.body = nil
	}
}

// render appends the answer as it goes over the wire.
func (w *response) render(b []byte, date string, bodiless, last bool) []byte {
	w.WriteHeader(http.StatusOK)
	b = append(b, "HTTP/1.1 "...)
	b = strconv.AppendInt(b, int64(w.status), 10)
	b = append(b, ' ')
	b = append(b, http.StatusText(w.status)...) // az reads the phrase
	b = append(b, "\r\nDate: "...)
	b = append(b, date...)
	for name, values := range w.header {
		if name == "Connection" || name == "Content-Length" {
			continue // they are ours
		}
		for _, value := range values {
			if strings.ContainsAny(value, "\r\n") {
				continue
			}
			b = append(b, "\r\n"...)
			b = append(b, name...)
			b = append(b, ": "...)
			b = append(b, value...)
		}
	}
	b = append(b, "\r\nContent-Length: "...)
	b = strconv.AppendInt(b, int64(len(w.body)), 10)
	if last {
		b = append(b, "\r\nConnection: close"...)
	}
	b = append(b, "\r\n\r\n"...)
	if !bodiless {
		b = append(b, w.body...)
	}
	return b
}

// dated is a second and what it looks like in a header.
type dated struct {
	second int64
	text   string
}

// date gives a moment as headers have it.
func (s *Server) date(now time.Time) string {
	if known := s.latest.Load(); known != nil && known.second == now.Unix() {
		return known.text
	}
	text := now.UTC().Format(http.TimeFormat)
	s.latest.Store(&dated{second: now.Unix(), text: text})
	return text
}
