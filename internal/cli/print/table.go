package print

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/lanyard-project/lanyard/internal/cli/value"
)

// row is a line of a table: its cells by column, in order.
type row = *value.Object

// Table lays a document out in columns. Columns come in alphabetical order unless
// the user or the command chose them; id, type and etag, lists, objects and nulls
// have none. An empty list gives an empty line.
func Table(answer Answer) (string, error) {
	list, ok := answer.Document.([]any)
	if !ok {
		list = []any{answer.Document}
	}
	rows := make([]row, len(list))
	columns := 0
	for i, item := range list {
		rows[i] = tableRow(item, !answer.Queried && !answer.Transformed)
		columns += rows[i].Len()
	}
	if len(rows) == 0 {
		return "\n", nil
	}
	if columns == 0 {
		return "", ErrNoTable
	}
	return layOut(rows), nil
}

func tableRow(item any, sorted bool) row {
	cells := value.NewObject()
	switch item := item.(type) {
	case *value.Object:
		keys := item.Keys()
		if sorted {
			keys = sortedKeys(item)
		}
		for _, key := range keys {
			v, _ := item.Get(key)
			switch v.(type) {
			case nil, []any, *value.Object:
				continue
			}
			if !slices.Contains([]string{"id", "type", "etag"}, key) {
				cells.Set(capital(key), v)
			}
		}
	case []any:
		for i, v := range item {
			cells.Set("Column"+strconv.Itoa(i+1), v)
		}
	default:
		cells.Set("Result", item)
	}
	return cells
}

func capital(s string) string {
	r, size := utf8.DecodeRuneInString(s)
	if size == 0 {
		return s
	}
	return strings.ToUpper(string(r)) + s[size:]
}

// layOut writes the columns of all rows under their headings. A column is two wider
// than its heading at least.
func layOut(rows []row) string {
	var columns []string
	for _, r := range rows {
		for _, key := range r.Keys() {
			if !slices.Contains(columns, key) {
				columns = append(columns, key)
			}
		}
	}
	widths := make([]int, len(columns))
	rules := make([]string, len(columns))
	for i, column := range columns {
		widths[i] = utf8.RuneCountInString(column) + 2
		for _, r := range rows {
			for part := range strings.SplitSeq(cellText(r, column), "\n") {
				widths[i] = max(widths[i], utf8.RuneCountInString(part))
			}
		}
		rules[i] = strings.Repeat("-", widths[i])
	}
	var b strings.Builder
	writeLine(&b, columns, widths)
	writeLine(&b, rules, widths)
	for _, r := range rows {
		writeRow(&b, r, columns, widths)
	}
	return b.String()
}

// writeRow writes one row; a cell of several lines makes several lines of it.
func writeRow(b *strings.Builder, r row, columns []string, widths []int) {
	parts := make([][]string, len(columns))
	height := 1
	for i, column := range columns {
		parts[i] = strings.Split(cellText(r, column), "\n")
		height = max(height, len(parts[i]))
	}
	for line := range height {
		cells := make([]string, len(columns))
		for i := range columns {
			if line < len(parts[i]) {
				cells[i] = parts[i][line]
			}
		}
		writeLine(b, cells, widths)
	}
}

func writeLine(b *strings.Builder, cells []string, widths []int) {
	padded := make([]string, len(cells))
	for i, cell := range cells {
		padded[i] = cell + strings.Repeat(" ", max(0, widths[i]-utf8.RuneCountInString(cell)))
	}
	b.WriteString(strings.TrimRight(strings.Join(padded, "  "), " ") + "\n")
}

func cellText(r row, column string) string {
	v, _ := r.Get(column)
	if v == nil {
		return ""
	}
	return python(v, false)
}

// python writes a value as Python's str does, or as its repr within lists.
func python(v any, quoted bool) string {
	switch v := v.(type) {
	case nil:
		return "None"
	case bool:
		if v {
			return "True"
		}
		return "False"
	case string:
		if !quoted {
			return v
		}
		if strings.Contains(v, "'") && !strings.Contains(v, `"`) {
			return `"` + v + `"`
		}
		return "'" + strings.ReplaceAll(strings.ReplaceAll(v, `\`, `\\`), "'", `\'`) + "'"
	case json.Number:
		return v.String()
	case []any:
		parts := make([]string, len(v))
		for i := range v {
			parts[i] = python(v[i], true)
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case *value.Object:
		parts := make([]string, 0, v.Len())
		for _, key := range v.Keys() {
			field, _ := v.Get(key)
			parts = append(parts, python(key, true)+": "+python(field, true))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	}
	return ""
}
