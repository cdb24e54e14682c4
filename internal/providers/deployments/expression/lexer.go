package expression

import (
	"fmt"
	"strings"
)

type kind int

const (
	end kind = iota
	punctuation
	identifier
	number
	text
)

type token struct {
	kind kind
	text string
	at   int
}

// SyntaxError says where an expression can't be read.
type SyntaxError struct {
	At     int
	Reason string
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("the expression can't be read at position %d: %s", e.At+1, e.Reason)
}

// maxLength is Azure's limit of an expression.
const maxLength = 24576

func lex(s string) ([]token, error) {
	if len(s) > maxLength {
		return nil, &SyntaxError{At: maxLength, Reason: fmt.Sprintf("it is longer than %d characters", maxLength)}
	}
	var out []token
	for at := 0; at < len(s); {
		c := s[at]
		switch {
		case strings.IndexByte(" \t\r\n", c) >= 0:
			at++
		case strings.HasPrefix(s[at:], ".?"):
			out = append(out, token{punctuation, ".?", at})
			at += 2
		case strings.IndexByte("(),.[]", c) >= 0:
			out = append(out, token{punctuation, s[at : at+1], at})
			at++
		case c == '\'':
			value, next, err := quoted(s, at)
			if err != nil {
				return nil, err
			}
			out = append(out, token{text, value, at})
			at = next
		case '0' <= c && c <= '9' || c == '-':
			stop := span(s, at+1, func(c byte) bool { return '0' <= c && c <= '9' })
			out = append(out, token{number, s[at:stop], at})
			at = stop
		case isName(c):
			stop := span(s, at, isName)
			out = append(out, token{identifier, s[at:stop], at})
			at = stop
		default:
			return nil, &SyntaxError{At: at, Reason: fmt.Sprintf("unexpected %q", s[at:at+1])}
		}
	}
	return append(out, token{kind: end, at: len(s)}), nil
}

func span(s string, at int, in func(byte) bool) int {
	for at < len(s) && in(s[at]) {
		at++
	}
	return at
}

func isName(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_' || c == '$' || c == '-'
}

// quoted reads up to the closing quote; two quotes stand for one.
func quoted(s string, at int) (string, int, error) {
	var b strings.Builder
	for i := at + 1; i < len(s); i++ {
		if s[i] != '\'' {
			b.WriteByte(s[i])
			continue
		}
		if i+1 == len(s) || s[i+1] != '\'' {
			return b.String(), i + 1, nil
		}
		b.WriteByte('\'')
		i++
	}
	return "", at, &SyntaxError{At: at, Reason: "the quote isn't closed"}
}
