package print

import (
	"encoding/json"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/lanyard-project/lanyard/internal/cli/value"
)

// JSON writes a document with keys in order, two spaces an indent, and nothing
// escaped that needn't be.
func JSON(v any) string {
	var b strings.Builder
	writeJSON(&b, v, "\n", plain{})
	return b.String()
}

func colored(v any) string {
	var b strings.Builder
	writeJSON(&b, v, "\n", palette{})
	return b.String()
}

// paint gives each part of a document its colour.
type paint interface {
	key(text string) string
	scalar(v any, text string) string
}

type plain struct{}

func (plain) key(text string) string           { return text }
func (plain) scalar(_ any, text string) string { return text }

// palette has colours that can be read on dark and on light backgrounds.
type palette struct{}

const reset = "\x1b[0m"

func (palette) key(text string) string { return "\x1b[34;1m" + text + reset }

func (palette) scalar(v any, text string) string {
	switch v.(type) {
	case string:
		return "\x1b[33m" + text + reset
	case nil, bool:
		return "\x1b[36m" + text + reset
	}
	return "\x1b[32m" + text + reset
}

func sortedKeys(o *value.Object) []string {
	keys := slices.Clone(o.Keys())
	slices.Sort(keys)
	return keys
}

// writeJSON writes v; indent is a newline and the spaces of the line it stands on.
func writeJSON(b *strings.Builder, v any, indent string, p paint) {
	inner := indent + "  "
	switch v := v.(type) {
	case *value.Object:
		if v.Len() == 0 {
			b.WriteString("{}")
			return
		}
		b.WriteByte('{')
		for i, key := range sortedKeys(v) {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString(inner + p.key(Quote(key)) + ": ")
			field, _ := v.Get(key)
			writeJSON(b, field, inner, p)
		}
		b.WriteString(indent + "}")
	case []any:
		if len(v) == 0 {
			b.WriteString("[]")
			return
		}
		b.WriteByte('[')
		for i, element := range v {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString(inner)
			writeJSON(b, element, inner, p)
		}
		b.WriteString(indent + "]")
	default:
		b.WriteString(p.scalar(v, scalarJSON(v)))
	}
}

func scalarJSON(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case bool:
		if v {
			return "true"
		}
		return "false"
	case string:
		return Quote(v)
	case json.Number:
		return v.String()
	}
	data, err := value.Encode(v)
	if err != nil {
		return "null"
	}
	return string(data)
}

// Quote writes a string as Python's json does: only quotes, backslashes and control
// characters are escaped.
func Quote(s string) string {
	const hex = "0123456789abcdef"
	short := map[rune]string{'"': `\"`, '\\': `\\`, '\n': `\n`, '\r': `\r`, '\t': `\t`, '\b': `\b`, '\f': `\f`}
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch escape, ok := short[r]; {
		case ok:
			b.WriteString(escape)
		case r < 0x20:
			b.WriteString(`\u00` + string(hex[r>>4]) + string(hex[r&15]))
		case r == utf8.RuneError:
			b.WriteString("\uFFFD")
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
