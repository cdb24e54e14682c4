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
	if len(text) > maxLength {
		return ID{}, &InvalidError{Text: text[:64] + "…", Reason: "longer than 4096 bytes"}
	}
	if !strings.HasPrefix(text, "/") {
		return ID{}, &InvalidError{Text: text, Reason: "doesn't start with a slash"}
	}
	body := strings.TrimSuffix(text[1:], "/")
	if body == "" {
		return Root(), nil
	}
	segments := strings.Split(body, "/")
	for _, s := range segments {
		if reason := badSegment(s); reason != "" {
			return ID{}, &InvalidError{Text: text, Reason: reason}
		}
	}
	id, rest := scope(segments)
	for len(rest) > 0 {
		if !strings.EqualFold(rest[0], "providers") {
			return ID{}, &InvalidError{Text: text, Reason: fmt.Sprintf("expects 'providers' in place of %q", rest[0])}
		}
		var err error
		if id, rest, err = provider(id, rest[1:], text); err != nil {
			return ID{}, err
		}
	}
	return id, nil
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

// provider reads one "providers" section: a namespace with pairs of type and name.
func provider(id ID, segments []string, text string) (ID, []string, error) {
	if len(segments) == 0 {
		return ID{}, nil, &InvalidError{Text: text, Reason: "names no resource provider"}
	}
	namespace, rest := segments[0], segments[1:]
	if len(rest) == 0 {
		if !id.Is(SubscriptionType) && !id.IsRoot() {
			return ID{}, nil, &InvalidError{Text: text, Reason: "names no resource of provider " + namespace}
		}
		return id.Provider(namespace), nil, nil
	}
	for first := true; len(rest) > 0 && (first || !strings.EqualFold(rest[0], "providers")); first = false {
		if len(rest) == 1 {
			return ID{}, nil, &InvalidError{Text: text, Reason: fmt.Sprintf("type %q lacks a name", rest[0])}
		}
		if first {
			id = id.Extension(namespace, rest[0], rest[1])
		} else {
			id = id.Child(rest[0], rest[1])
		}
		rest = rest[2:]
	}
	return id, rest, nil
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
