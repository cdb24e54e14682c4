package resource

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"unicode"
)

// unambiguous refuses a body in which an object has a member twice, or in two
// casings. JSON allows it and every reader picks another one: a check could then
// be made on one value and the other be used.
//
// The keys of userAssignedIdentities are left to the provider, which has its own
// error for an identity that is named twice.
func unambiguous(body json.RawMessage) error {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if err := value(d, ""); err != nil {
		return fmt.Errorf("reading the body: %w", err)
	}
	return nil
}

func value(d *json.Decoder, name string) error {
	token, err := d.Token()
	if err != nil {
		return err
	}
	switch token {
	case json.Delim('{'):
		return members(d, strings.EqualFold(name, "userAssignedIdentities"))
	case json.Delim('['):
		for d.More() {
			if err := value(d, ""); err != nil {
				return err
			}
		}
		_, err = d.Token()
	}
	return err
}

func members(d *json.Decoder, free bool) error {
	seen := map[string]bool{}
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return err
		}
		name, _ := token.(string)
		if folded := fold(name); !free {
			if seen[folded] {
				return fmt.Errorf("the member '%s' appears more than once", name)
			}
			seen[folded] = true
		}
		if err := value(d, name); err != nil {
			return err
		}
	}
	_, err := d.Token()
	return err
}

// fold writes a name as encoding/json compares it with the fields of a struct:
// it takes U+017F for an s and U+212A for a k.
func fold(name string) string {
	return strings.Map(func(r rune) rune {
		least := r
		for next := unicode.SimpleFold(r); next != r; next = unicode.SimpleFold(next) {
			least = min(least, next)
		}
		return least
	}, name)
}
