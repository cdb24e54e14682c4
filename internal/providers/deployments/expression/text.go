package expression

import (
	"fmt"
	"net/url"
	"strings"
)

// textFunction are the functions on strings.
func textFunction(name string) (function, bool) {
	switch name {
	case "tolower":
		return onText(func(s string) (any, error) { return strings.ToLower(s), nil })
	case "toupper":
		return onText(func(s string) (any, error) { return strings.ToUpper(s), nil })
	case "trim":
		return onText(func(s string) (any, error) { return strings.TrimSpace(s), nil })
	case "startswith":
		return onTexts(func(a, b string) any { return strings.HasPrefix(strings.ToLower(a), strings.ToLower(b)) })
	case "endswith":
		return onTexts(func(a, b string) any { return strings.HasSuffix(strings.ToLower(a), strings.ToLower(b)) })
	case "indexof":
		return is(2, 2, indexOf)
	case "lastindexof":
		return onTexts(func(a, b string) any { return int64(strings.LastIndex(strings.ToLower(a), strings.ToLower(b))) })
	case "substring":
		return is(2, 3, substring)
	case "replace":
		return is(3, 3, replace)
	case "split":
		return is(2, 2, split)
	case "join":
		return is(2, 2, join)
	case "format":
		return is(1, -1, format)
	case "padleft":
		return is(2, 3, padLeft)
	case "uri":
		return is(2, 2, joinURI)
	case "uricomponent":
		return onText(func(s string) (any, error) { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20"), nil })
	case "uricomponenttostring":
		return onText(func(s string) (any, error) { return url.PathUnescape(s) })
	case "guid":
		return is(1, -1, guidOf)
	case "uniquestring":
		return is(1, -1, uniqueString)
	}
	return function{}, false
}

func indexOf(a []any) (any, error) {
	if list, ok := a[0].([]any); ok {
		for i, v := range list {
			if Equal(v, a[1]) {
				return int64(i), nil
			}
		}
		return int64(-1), nil
	}
	s, err := want[string](a[0])
	if err != nil {
		return nil, err
	}
	part, err := want[string](a[1])
	return int64(strings.Index(strings.ToLower(s), strings.ToLower(part))), err
}

func substring(a []any) (any, error) {
	s, err := want[string](a[0])
	if err != nil {
		return nil, err
	}
	from, err := want[int64](a[1])
	if err != nil {
		return nil, err
	}
	runes := []rune(s)
	length := int64(len(runes)) - from
	if len(a) == 3 {
		if length, err = want[int64](a[2]); err != nil {
			return nil, err
		}
	}
	if from < 0 || length < 0 || from > int64(len(runes)) || length > int64(len(runes))-from {
		return nil, fmt.Errorf("the index and length %d, %d must be inside the string of %d characters", from, length, len(runes))
	}
	return string(runes[from : from+length]), nil
}

func replace(a []any) (any, error) {
	var parts [3]string
	for i := range parts {
		var err error
		if parts[i], err = want[string](a[i]); err != nil {
			return nil, err
		}
	}
	if parts[1] == "" {
		return nil, fmt.Errorf("the text to replace is empty")
	}
	return limited(strings.ReplaceAll(parts[0], parts[1], parts[2]))
}

func split(a []any) (any, error) {
	s, err := want[string](a[0])
	if err != nil {
		return nil, err
	}
	delimiters, ok := a[1].([]any)
	if !ok {
		delimiters = []any{a[1]}
	}
	mark := "\x00"
	for _, d := range delimiters {
		text, err := want[string](d)
		if err != nil {
			return nil, err
		}
		if text != "" {
			s = strings.ReplaceAll(s, text, mark)
		}
	}
	out := []any{}
	for part := range strings.SplitSeq(s, mark) {
		out = append(out, part)
	}
	return out, nil
}

func join(a []any) (any, error) {
	list, err := want[[]any](a[0])
	if err != nil {
		return nil, err
	}
	by, err := want[string](a[1])
	if err != nil {
		return nil, err
	}
	parts := make([]string, len(list))
	for i, v := range list {
		parts[i] = Text(v)
	}
	return limited(strings.Join(parts, by))
}

// format replaces {0}, {1} and so on; doubled braces stand for themselves. Widths
// and formats of .NET after the number are refused, but for {0:N0}-like padding.
func format(a []any) (any, error) {
	pattern, err := want[string](a[0])
	if err != nil {
		return nil, err
	}
	var b strings.Builder
	for i := 0; i < len(pattern); i++ {
		switch c := pattern[i]; {
		case (c == '{' || c == '}') && i+1 < len(pattern) && pattern[i+1] == c:
			b.WriteByte(c)
			i++
		case c == '{':
			stop := strings.IndexByte(pattern[i:], '}')
			var n int
			if stop < 0 {
				return nil, fmt.Errorf("a brace isn't closed in '%s'", pattern)
			}
			field := pattern[i+1 : i+stop]
			if _, err := fmt.Sscanf(field+" ", "%d ", &n); err != nil || n < 0 || n+1 >= len(a) || fmt.Sprint(n) != field {
				return nil, fmt.Errorf("'{%s}' names no argument", field)
			}
			b.WriteString(Text(a[n+1]))
			i += stop
		case c == '}':
			return nil, fmt.Errorf("a brace isn't opened in '%s'", pattern)
		default:
			b.WriteByte(c)
		}
	}
	return limited(b.String())
}

func padLeft(a []any) (any, error) {
	width, err := want[int64](a[1])
	if err != nil {
		return nil, err
	}
	if err := bounded(width); err != nil {
		return nil, err
	}
	pad := " "
	if len(a) == 3 {
		if pad, err = want[string](a[2]); err != nil || len(pad) != 1 {
			return nil, fmt.Errorf("pads with one character")
		}
	}
	s := Text(a[0])
	return strings.Repeat(pad, max(0, int(width)-len([]rune(s)))) + s, nil
}

func joinURI(a []any) (any, error) {
	base, err := want[string](a[0])
	if err != nil {
		return nil, err
	}
	relative, err := want[string](a[1])
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(base)
	if err != nil {
		return nil, fmt.Errorf("'%s' is no URI", base)
	}
	to, err := u.Parse(relative)
	if err != nil {
		return nil, fmt.Errorf("'%s' is no URI", relative)
	}
	return to.String(), nil
}

// maxText bounds a computed text, as Azure does.
const maxText = 131072

func limited(s string) (any, error) {
	if len(s) > maxText {
		return nil, fmt.Errorf("the result is longer than %d characters", maxText)
	}
	return s, nil
}
