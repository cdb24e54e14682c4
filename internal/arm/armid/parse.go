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
	segments := strings.Split(body, "/")
	for _, s := range segments {
		if reason := badSegment(s); reason != "" {
			return ID{}, nil, &InvalidError{Text: text, Reason: reason}
		}
	}
	id, rest := scope(segments)
	for len(rest) > 1 && strings.EqualFold(rest[0], "providers") {
		var taken int
		if id, taken = provider(id, rest[1:]); taken == 0 {
			break
		}
		rest = rest[1+taken:]
	}
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

// scope reads the part before the first provider.
func scope(segments []string) (ID, []string) {
	id := Root()
	if len(segments) < 2 || !strings.EqualFold(segments[0], "subscriptions") {
		return id, segments
	}
	id, segments = Subscription(segments[1]), segments[2:]
	if len(segments) < 2 {
		return id, segments
	}
	for _, keyword := range []string{"resourceGroups", "locations"} {
		if strings.EqualFold(segments[0], keyword) {
			return id.Child(keyword, segments[1]), segments[2:]
		}
	}
	return id, segments
}

// provider reads one "providers" section, a namespace with pairs of type and
// name, and says how many segments it took.
func provider(id ID, segments []string) (ID, int) {
	namespace := segments[0]
	if len(segments) == 1 {
		if id.Is(SubscriptionType) || id.IsRoot() {
			return id.Provider(namespace), 1
		}
		return id, 0
	}
	taken := 0
	for at := 1; at+1 < len(segments); at += 2 {
		if taken == 0 {
			id = id.Extension(namespace, segments[at], segments[at+1])
		} else if strings.EqualFold(segments[at], "providers") {
			break
		} else {
			id = id.Child(segments[at], segments[at+1])
		}
		taken = at + 2
	}
	return id, taken
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
		if !unicode.IsPrint(r) || strings.ContainsRune(`\?#%<>&"`, r) {
			return fmt.Sprintf("has the character %q", r)
		}
	}
	return ""
}
