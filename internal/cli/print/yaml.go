package print

import (
	"encoding/json"
	"regexp"
	"strings"

	"github.com/lanyard-project/lanyard/internal/cli/value"
)

// YAML writes a document in block style with sorted keys, as PyYAML's safe_dump does:
// lists aren't indented below their key, and lines are folded after 80 columns.
func YAML(v any, color bool) string {
	e := &emitter{paint: plain{}}
	if color {
		e.paint = palette{}
	}
	switch v.(type) {
	case *value.Object, []any:
		e.node(v, 0, false)
	default:
		e.scalar(v, 0)
		e.b.WriteString("\n...\n")
		return e.b.String()
	}
	return e.b.String()
}

type emitter struct {
	b      strings.Builder
	paint  paint
	column int
}

func (e *emitter) write(s string) {
	e.b.WriteString(s)
	if at := strings.LastIndexByte(s, '\n'); at >= 0 {
		e.column = len([]rune(s[at+1:]))
		return
	}
	e.column += len([]rune(s))
}

// node writes a value at an indent. inline says that it stands behind "- " on its
// line.
func (e *emitter) node(v any, indent int, inline bool) {
	switch v := v.(type) {
	case *value.Object:
		if v.Len() == 0 {
			e.write("{}\n")
			return
		}
		for i, key := range sortedKeys(v) {
			if i > 0 || !inline {
				e.write(strings.Repeat(" ", indent))
			}
			e.b.WriteString(e.paint.key(scalarText(key, indent, e.column)))
			e.column += len([]rune(key))
			e.write(":")
			field, _ := v.Get(key)
			e.child(field, indent)
		}
	case []any:
		if len(v) == 0 {
			e.write("[]\n")
			return
		}
		for i, element := range v {
			if i > 0 || !inline {
				e.write(strings.Repeat(" ", indent))
			}
			e.write("- ")
			e.node(element, indent+2, true)
		}
	default:
		e.scalar(v, indent)
		e.write("\n")
	}
}

// child writes a value behind "key:".
func (e *emitter) child(v any, indent int) {
	switch v := v.(type) {
	case *value.Object:
		if v.Len() > 0 {
			e.write("\n")
			e.node(v, indent+2, false)
			return
		}
	case []any:
		if len(v) > 0 {
			e.write("\n")
			e.node(v, indent, false)
			return
		}
	}
	e.write(" ")
	e.node(v, indent+2, true)
}

func (e *emitter) scalar(v any, indent int) {
	text := ""
	switch v := v.(type) {
	case string:
		text = scalarText(v, indent, e.column)
	case json.Number:
		text = v.String()
	default:
		text = scalarJSON(v)
	}
	e.b.WriteString(e.paint.scalar(v, text))
	if at := strings.LastIndexByte(text, '\n'); at >= 0 {
		e.column = len(text) - at - 1
	} else {
		e.column += len([]rune(text))
	}
}

// otherType are plain words that YAML reads as something else than a string.
var otherType = regexp.MustCompile(`^(?:` +
	`y|Y|n|N|yes|Yes|YES|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF` +
	`|~|null|Null|NULL|<<|=` +
	`|[-+]?(?:[0-9][0-9_]*)\.[0-9_]*(?:[eE][-+][0-9]+)?|\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)` +
	`|[-+]?0b[0-1_]+|[-+]?0[0-7_]+|[-+]?(?:0|[1-9][0-9_]*)|[-+]?0x[0-9a-fA-F_]+|[-+]?[1-9][0-9_]*(?::[0-5]?[0-9])+` +
	`|[0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt]|[ \t]+)[0-9]{1,2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]*)?(?:[ \t]*(?:Z|[-+][0-9]{1,2}(?::[0-9]{2})?))?` +
	`)$`)

// plainWord are strings that need no quotes in block context.
var plainWord = regexp.MustCompile(`^(?:[^\s\-?:,\[\]{}#&*!|>'"%@` + "`" + `]|[-?:][^\s])(?:[^\n#:]|[^\s]#|:[^\s])*$`)

var control = regexp.MustCompile(`[\x00-\x08\x0b-\x1f\x7f\t\x{85}\x{2028}\x{2029}]`)

// scalarText chooses the style of a string: plain if that is still this string,
// else single quotes, double quotes for control characters.
func scalarText(s string, indent, column int) string {
	switch {
	case control.MatchString(s):
		return Quote(s)
	case s != "" && !otherType.MatchString(s) && isPlain(s):
		return fold(s, indent, column)
	}
	quoted := strings.ReplaceAll(s, "'", "''")
	quoted = strings.ReplaceAll(quoted, "\n", "\n\n"+strings.Repeat(" ", indent))
	return "'" + fold(quoted, indent, column+1) + "'"
}

func isPlain(s string) bool {
	if strings.TrimSpace(s) != s || strings.Contains(s, "\n") || strings.HasPrefix(s, "---") || strings.HasPrefix(s, "...") {
		return false
	}
	return !strings.Contains(s, ": ") && !strings.HasSuffix(s, ":") && !strings.Contains(s, " #") && plainWord.MatchString(s)
}

// fold breaks a long scalar at single spaces once its line is past column 80.
func fold(s string, indent, column int) string {
	const width = 80
	words := strings.Split(s, " ")
	if len(words) == 1 {
		return s
	}
	var b strings.Builder
	for i, word := range words {
		if i > 0 {
			if column > width && word != "" && words[i-1] != "" {
				b.WriteString("\n" + strings.Repeat(" ", indent))
				column = indent
			} else {
				b.WriteByte(' ')
				column++
			}
		}
		b.WriteString(word)
		column += len([]rune(word))
	}
	return b.String()
}
