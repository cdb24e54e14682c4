package print

import (
	"strconv"
	"strings"

	"github.com/lanyard-project/lanyard/internal/cli/value"
)

// TSV writes a line for each element of a list. A cell that is a list shows its
// length, one that is an object shows nothing. The cells of an object come in
// alphabetical order, or in that of the query which made it.
func TSV(v any) string {
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	var b strings.Builder
	for _, item := range list {
		var cells []string
		switch item := item.(type) {
		case *value.Object:
			keys := item.Keys()
			if !item.Selected {
				keys = sortedKeys(item)
			}
			for _, key := range keys {
				field, _ := item.Get(key)
				cells = append(cells, tsvCell(field))
			}
		case []any:
			for _, field := range item {
				cells = append(cells, tsvCell(field))
			}
		case bool:
			cells = []string{strconv.FormatBool(item)}
		default:
			cells = []string{tsvCell(item)}
		}
		b.WriteString(strings.Join(cells, "\t") + "\n")
	}
	return b.String()
}

func tsvCell(v any) string {
	switch v := v.(type) {
	case []any:
		return strconv.Itoa(len(v))
	case *value.Object:
		return ""
	}
	return python(v, false)
}
