package condition

import (
	"fmt"
	"strings"
)

// kind tells tokens apart.
type kind int

const (
	end       kind = iota
	mark           // ( ) { } , ! && ||
	word           // AND, StringEquals, ForAnyOfAnyValues:GuidEquals, true, 12, a bare GUID
	text           // 'quoted'
	attribute      // @Source[name]
)

type token struct {
	kind kind
	text string
	at   int
}

// SyntaxError says where a condition can't be read.
type SyntaxError struct {
	At     int // byte offset
	Reason string
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("the condition can't be read at character %d: %s", e.At+1, e.Reason)
}

// maxLength is Azure's limit of a condition.
const maxLength = 8192

func lex(s string) ([]token, error) {
	if len(s) > maxLength {
		return nil, &SyntaxError{At: maxLength, Reason: fmt.Sprintf("it is longer than %d characters", maxLength)}
	}
	var out []token
	for at := 0; at < len(s); {
		t, next, err := scan(s, at)
		if err != nil {
			return nil, err
		}
		if t.kind != end {
			out = append(out, t)
		}
		at = next
	}
	return append(out, token{kind: end, at: len(s)}), nil
}

// scan reads the token at an offset, or blanks as an end token.
func scan(s string, at int) (token, int, error) {
	switch c := s[at]; {
	case strings.IndexByte(" \t\r\n", c) >= 0:
		return token{}, at + 1, nil
	case strings.IndexByte("(){},!", c) >= 0:
		return token{mark, s[at : at+1], at}, at + 1, nil
	case strings.HasPrefix(s[at:], "&&"), strings.HasPrefix(s[at:], "||"):
		return token{mark, s[at : at+2], at}, at + 2, nil
	case c == '\'':
		return quoted(s, at)
	case c == '@':
		return scanAttribute(s, at)
	}
	stop := at
	for stop < len(s) && isWord(s[stop]) {
		stop++
	}
	if stop == at {
		return token{}, at, &SyntaxError{At: at, Reason: fmt.Sprintf("unexpected %q", s[at:at+1])}
	}
	return token{word, s[at:stop], at}, stop, nil
}

func isWord(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("_:-.+/", c) >= 0
}

func quoted(s string, at int) (token, int, error) {
	var b strings.Builder
	for i := at + 1; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+1 < len(s) && (s[i+1] == '\'' || s[i+1] == '\\'):
			i++
			b.WriteByte(s[i])
		case s[i] == '\'' && i+1 < len(s) && s[i+1] == '\'':
			i++
			b.WriteByte('\'')
		case s[i] == '\'':
			return token{text, b.String(), at}, i + 1, nil
		default:
			b.WriteByte(s[i])
		}
	}
	return token{}, at, &SyntaxError{At: at, Reason: "the quote isn't closed"}
}

func scanAttribute(s string, at int) (token, int, error) {
	open := strings.IndexByte(s[at:], '[')
	if open < 0 || strings.ContainsAny(s[at:at+open], " \t\r\n()'") {
		return token{}, at, &SyntaxError{At: at, Reason: "an attribute is written @Source[name]"}
	}
	stop := strings.IndexByte(s[at+open:], ']')
	if stop < 0 {
		return token{}, at, &SyntaxError{At: at, Reason: "the attribute's name isn't closed by ]"}
	}
	return token{attribute, s[at : at+open+stop+1], at}, at + open + stop + 1, nil
}
