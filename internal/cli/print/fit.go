package print

import (
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/lanyard-project/lanyard/internal/cli/value"
)

// narrowest is the width below which no column is cut while another is wider.
const narrowest = 10

// Fit cuts cells so that a table of the rows isn't wider than a terminal: the widest
// columns lose first, identifiers last, since a part of one is worth nothing. Rows for what
// is no terminal (width 0) stay whole.
func Fit(rows []any, width int) []any {
	if width < narrowest {
		return rows
	}
	var keys []string
	widths := map[string]int{}
	identifier := map[string]bool{}
	total := 0
	for _, v := range rows {
		r, _ := v.(*value.Object)
		for _, key := range r.Keys() {
			if _, known := widths[key]; !known {
				keys = append(keys, key)
				widths[key] = utf8.RuneCountInString(key) + 2
				total += 2
			}
			text := cellText(r, key)
			widths[key] = max(widths[key], utf8.RuneCountInString(text))
			_, err := uuid.Parse(text)
			identifier[key] = identifier[key] || err == nil
		}
	}
	for _, w := range widths {
		total += w
	}
	for _, floor := range []int{narrowest, 1} { // below it only when everything is as narrow
		for total-2 > width {
			widest := ""
			for _, key := range keys {
				if widths[key] <= max(floor, utf8.RuneCountInString(key)+2) {
					continue
				}
				if widest == "" || identifier[widest] && !identifier[key] || identifier[widest] == identifier[key] && widths[key] > widths[widest] {
					widest = key
				}
			}
			if widest == "" {
				break
			}
			widths[widest]--
			total--
		}
	}
	made := make([]any, len(rows))
	for i, v := range rows {
		r, _ := v.(*value.Object)
		cut := value.NewObject()
		for _, key := range r.Keys() {
			cut.Set(key, Cut(cellText(r, key), widths[key]))
		}
		made[i] = cut
	}
	return made
}

// Cut shortens a line to a width; its end tells that something is missing.
func Cut(line string, width int) string {
	runes := []rune(line)
	if width < 1 || len(runes) <= width {
		return line
	}
	return string(runes[:width-1]) + "…"
}

// Wrap breaks text into lines of a width, each behind an indent. A word that is longer than
// a line, as resource IDs are, is broken after one of its slashes. Width 0 breaks nothing.
func Wrap(text, indent string, width int) string {
	room := width - utf8.RuneCountInString(indent)
	if width == 0 || room < narrowest {
		return indent + strings.ReplaceAll(text, "\n", "\n"+indent)
	}
	var lines []string
	for paragraph := range strings.SplitSeq(text, "\n") {
		line := ""
		for word := range strings.FieldsSeq(paragraph) {
			if line != "" && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) <= room {
				line += " " + word
				continue
			}
			if line != "" {
				lines = append(lines, line)
			}
			for utf8.RuneCountInString(word) > room {
				at := breakAt(word, room)
				lines = append(lines, word[:at])
				word = word[at:]
			}
			line = word
		}
		lines = append(lines, line)
	}
	return indent + strings.Join(lines, "\n"+indent)
}

// breakAt is how many bytes of a word go into a line: up to its last slash that fits, or as
// many as fit.
func breakAt(word string, room int) int {
	head := string([]rune(word)[:room])
	if slash := strings.LastIndexByte(head, '/'); slash > 0 {
		return slash + 1
	}
	return len(head)
}
