package wire

import (
	"fmt"
	"net/http"
	"net/textproto"
	"strings"
)

// MaxHead bounds a request's line and headers.
const MaxHead = 16 << 10

const maxHeaders = 64

// malformed says why a head can't be read. It never holds any of it.
type malformed string

func (m malformed) Error() string { return string(m) }

// parser turns heads into requests. It keeps what it can from one request of a connection to the next.
type parser struct {
	request http.Request
	values  [maxHeaders]string // what the header's slices point into
}

// parse reads a whole head, up to and with its empty line. The request is valid until the next call.
func (p *parser) parse(head string) (*http.Request, error) {
	line, rest, ok := cutLine(head)
	if !ok {
		return nil, malformed("the request line doesn't end")
	}
	r := &p.request
	r.Host, r.ContentLength, r.TransferEncoding, r.Close = "", 0, nil, false
	if r.Header == nil {
		r.Header = make(http.Header, 8)
	}
	clear(r.Header)
	if err := requestLine(r, line); err != nil {
		return nil, err
	}
	for n := 0; ; n++ {
		line, rest, ok = cutLine(rest)
		switch {
		case !ok:
			return nil, malformed("the headers don't end")
		case line == "" && rest == "":
			return r, framing(r)
		case line == "":
			return nil, malformed("something follows the headers")
		case n == maxHeaders:
			return nil, malformed("too many headers")
		}
		if err := p.header(r, n, line); err != nil {
			return nil, err
		}
	}
}

// cutLine takes a line off that ends with CR LF. A CR or LF anywhere else stays in it, where it is refused.
func cutLine(text string) (line, rest string, ok bool) {
	end := strings.IndexByte(text, '\n')
	if end < 1 || text[end-1] != '\r' {
		return "", "", false
	}
	return text[:end-1], text[end+1:], true
}

func requestLine(r *http.Request, line string) error {
	method, rest, ok := strings.Cut(line, " ")
	target, version, two := strings.Cut(rest, " ")
	switch {
	case !ok || !two || !isToken(method):
		return malformed("the request line is malformed")
	case version != "HTTP/1.1":
		return malformed("HTTP/1.1 is required")
	case !strings.HasPrefix(target, "/"): // absolute form, authority form, *
		return malformed("the request target has to be a path")
	}
	for i := range len(target) {
		if c := target[i]; c <= 0x20 || c >= 0x7f {
			return malformed("the request target holds a character that has to be encoded")
		}
	}
	path, _, _ := strings.Cut(target, "?")
	for escape := strings.IndexByte(path, '%'); escape >= 0; escape = strings.IndexByte(path, '%') {
		if path = path[escape+1:]; len(path) < 2 || !isHex(path[0]) || !isHex(path[1]) {
			return malformed("the request target holds a broken escape")
		}
	}
	r.Method, r.RequestURI, r.Proto, r.ProtoMajor, r.ProtoMinor = method, target, version, 1, 1
	return nil
}

// header enters the nth header.
func (p *parser) header(r *http.Request, n int, line string) error {
	name, value, ok := strings.Cut(line, ":")
	if !ok || !isToken(name) { // a blank before the colon, a folded line
		return malformed("a header is malformed")
	}
	value = strings.Trim(value, " \t")
	for i := range len(value) {
		if c := value[i]; c < 0x20 && c != '\t' || c == 0x7f {
			return malformed("a header holds a control character")
		}
	}
	name = textproto.CanonicalMIMEHeaderKey(name)
	if name == "Host" {
		if r.Host != "" || value == "" || !isHost(value) {
			return malformed("there has to be one Host header")
		}
		r.Host = value
		return nil
	}
	if known, ok := r.Header[name]; ok {
		r.Header[name] = append(known, value) // capacity is one, so this copies
		return nil
	}
	p.values[n] = value
	r.Header[name] = p.values[n : n+1 : n+1]
	return nil
}

// framing makes sure that everybody agrees on where the request ends: after its head. A request with a body is passed on, to
// be refused with an answer, and closes its connection.
func framing(r *http.Request) error {
	if r.Host == "" {
		return malformed("there has to be one Host header")
	}
	lengths, encodings := r.Header["Content-Length"], r.Header["Transfer-Encoding"]
	switch {
	case len(encodings) > 0 && len(lengths) > 0, len(lengths) > 1, len(encodings) > 1, len(r.Header["Trailer"]) > 0:
		return malformed("where the body ends is ambiguous")
	case len(encodings) == 1 && encodings[0] != "chunked":
		return malformed("the transfer encoding is not known")
	case len(encodings) == 1:
		r.ContentLength, r.TransferEncoding, r.Close = -1, encodings, true
		delete(r.Header, "Transfer-Encoding")
	case len(lengths) == 1 && lengths[0] != "0":
		if _, err := fmt.Sscanf(lengths[0], "%d", &r.ContentLength); err != nil || fmt.Sprint(r.ContentLength) != lengths[0] || r.ContentLength < 0 {
			return malformed("Content-Length is not a number")
		}
		r.Close = true
	}
	for _, values := range [...][]string{r.Header["Connection"], r.Header["Upgrade"], r.Header["Expect"]} {
		for _, value := range values {
			if !strings.EqualFold(value, "keep-alive") {
				r.Close = true // asked to, or asked for something that there isn't
			}
		}
	}
	return nil
}

// isToken reports whether a text is a name as HTTP has them.
func isToken(text string) bool {
	for i := range len(text) {
		c := text[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		case strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0:
		default:
			return false
		}
	}
	return text != ""
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

// isHost reports whether a text is made of what host names, addresses and ports are made of.
func isHost(text string) bool {
	for i := range len(text) {
		c := text[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		case strings.IndexByte("-._:[]", c) >= 0:
		default:
			return false
		}
	}
	return true
}
