package armid

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxLength bounds an ID: Azure's limit for a URL's path is far below it.
const maxLength = 4096

// InvalidError says why a text is no resource ID.
type InvalidError struct {
	Text   string
	Reason string
}

func (e *InvalidError) Error() string {
	return fmt.Sprintf("resource ID %q: %s", e.Text, e.Reason)
}

// Parse reads a resource ID in any casing. A trailing slash is allowed.
func Parse(text string) (ID, error) {
	id, rest, err := ParsePath(text)
	switch {
	case err != nil:
		return ID{}, err
	case len(rest) == 1 && strings.EqualFold(rest[0], "providers"):
		return ID{}, &InvalidError{Text: text, Reason: "names no resource provider"}
	case len(rest) > 1 && strings.EqualFold(rest[0], "providers"):
		return ID{}, &InvalidError{Text: text, Reason: "names no resource of provider " + rest[1]}
	case len(rest) > 0:
		return ID{}, &InvalidError{Text: text, Reason: fmt.Sprintf("has no name after %q", rest[0])}
	}
	return id, nil
}

// ParsePath reads the path of a call: the longest resource ID that it starts
// with, and the segments that are left over. Those are a collection ("subnets",
// or "providers", namespace and type) or an action.
func ParsePath(text string) (ID, []string, error) {
	if len(text) > maxLength {
		return ID{}, nil, &InvalidError{Text: strings.ToValidUTF8(text[:64], "?") + "…", Reason: "longer than 4096 bytes"}
	}
	if !strings.HasPrefix(text, "/") {
		return ID{}, nil, &InvalidError{Text: text, Reason: "doesn't start with a slash"}
	}
	body := strings.TrimSuffix(text[1:], "/")
	if body == "" {
		return Root(), nil, nil
	}
	segments := strings.Split(text[:1+len(body)], "/")
	for _, s := range segments[1:] {
		if reason := badSegment(s); reason != "" {
			return ID{}, nil, &InvalidError{Text: text, Reason: reason}
		}
	}
	id, rest := read(segments)
	return id, rest, nil
}

// MustParse is Parse for IDs written in the source.
func MustParse(text string) ID {
	id, err := Parse(text)
	if err != nil {
		panic(err)
	}
	return id
}

// reading is an ID on its way from the segments of a path, of which the first is the
// nothing before the leading slash. Keywords in them are spelled as IDs are.
type reading struct {
	segments []string
	taken    int // segments of the ID so far
	above    int // of its parent
	typ      string
}

// read takes the longest ID that good segments start with, and returns the rest.
func read(segments []string) (ID, []string) {
	r := reading{segments: segments, taken: 1, typ: TenantType}
	if r.keyword("subscriptions", 2) {
		r.take(2, SubscriptionType)
		switch {
		case r.keyword("resourceGroups", 2):
			r.take(2, ResourceGroupType)
		case r.keyword("locations", 2):
			r.take(2, LocationType)
		}
	}
	for r.keyword("providers", 2) {
		if !r.provider() {
			break
		}
	}
	if r.taken == 1 {
		return Root(), segments[1:]
	}
	text := strings.Join(segments[:r.taken], "/")
	id := ID{text: text, key: lower(text), typ: r.typ, name: segments[r.taken-1]}
	if r.above > 1 {
		for _, s := range segments[1:r.above] {
			id.parent += len(s) + 1
		}
	}
	return id, segments[r.taken:]
}

// keyword reports whether the rest begins with the word, in any casing, and has so
// many segments.
func (r *reading) keyword(word string, least int) bool {
	rest := r.segments[r.taken:]
	if len(rest) < least || !strings.EqualFold(rest[0], word) {
		return false
	}
	rest[0] = word
	return true
}

func (r *reading) take(n int, typ string) {
	r.above, r.taken, r.typ = r.taken, r.taken+n, typ
}

// provider takes one "providers" section, a namespace with pairs of type and name,
// or reports that there is none that names something.
func (r *reading) provider() bool {
	namespace := r.segments[r.taken+1]
	switch rest := r.segments[r.taken:]; {
	case len(rest) == 2 && (r.taken == 1 || strings.EqualFold(r.typ, SubscriptionType)):
		r.take(2, ProviderType)
		return true
	case len(rest) < 4:
		return false
	}
	r.take(4, namespace+"/"+r.segments[r.taken+2])
	for rest := r.segments[r.taken:]; len(rest) > 1 && !strings.EqualFold(rest[0], "providers"); rest = r.segments[r.taken:] {
		r.take(2, r.typ+"/"+rest[0])
	}
	return true
}

// badSegment says what is wrong with a segment, or "". Dots alone and encoded
// characters are refused so that no proxy or file system reads a path otherwise
// than we do.
func badSegment(s string) string {
	switch {
	case s == "":
		return "has an empty segment"
	case s == "." || s == "..":
		return "has a dot segment"
	case !utf8.ValidString(s):
		return "isn't UTF-8"
	}
	for _, r := range s {
		switch {
		case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '-' <= r && r <= '9': // nearly all
		case !unicode.IsPrint(r), strings.ContainsRune(`\?#%<>&"`, r):
			return fmt.Sprintf("has the character %q", r)
		}
	}
	return ""
}
