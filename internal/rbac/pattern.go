package rbac

import (
	"bytes"
	"strings"
)

// pattern is an action pattern of a role definition, such as
// "Microsoft.Compute/virtualMachineScaleSets/*", cut at its stars and
// lower-cased, so that matching an action is a few byte comparisons.
//
// A star stands for any text, slashes included. A star that is a whole
// segment may also stand for no segment at all: the built-in roles write
// "userAssignedIdentities/*/assign/action" for an action that the service
// spells "userAssignedIdentities/assign/action".
type pattern struct {
	pieces []piece
}

type piece struct {
	text []byte
	// sharesSlash: the star before this piece is a whole segment, so this
	// piece's leading slash may be the one that ended the piece before.
	sharesSlash bool
}

func compilePattern(text string) pattern {
	parts := strings.Split(strings.ToLower(text), "*")
	p := pattern{pieces: make([]piece, len(parts))}
	for i, part := range parts {
		p.pieces[i].text = []byte(part)
		p.pieces[i].sharesSlash = i > 0 && strings.HasSuffix(parts[i-1], "/") && strings.HasPrefix(part, "/")
	}
	return p
}

func compilePatterns(texts []string) []pattern {
	if len(texts) == 0 {
		return nil
	}
	out := make([]pattern, len(texts))
	for i, text := range texts {
		out[i] = compilePattern(text)
	}
	return out
}

// match says whether a lower-cased action is covered. After a star the
// leftmost occurrence of the next piece is always a good choice: what remains
// to be matched can only be found later.
func (p *pattern) match(action []byte) bool {
	first, rest := p.pieces[0].text, p.pieces[1:]
	if !bytes.HasPrefix(action, first) {
		return false
	}
	if len(rest) == 0 {
		return len(action) == len(first)
	}
	pos := len(first)
	for i := range rest[:len(rest)-1] {
		from := rest[i].from(pos)
		at := bytes.Index(action[from:], rest[i].text)
		if at < 0 {
			return false
		}
		pos = from + at + len(rest[i].text)
	}
	tail := &rest[len(rest)-1]
	return len(action)-len(tail.text) >= tail.from(pos) && bytes.HasSuffix(action, tail.text)
}

// from is where the piece may begin at the earliest when the piece before it
// ended at pos.
func (p *piece) from(pos int) int {
	if p.sharesSlash {
		return pos - 1
	}
	return pos
}

func matchAny(patterns []pattern, action []byte) bool {
	for i := range patterns {
		if patterns[i].match(action) {
			return true
		}
	}
	return false
}
