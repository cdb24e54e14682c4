package print

import (
	"errors"
	"fmt"
	"io"
)

// Answer is what a command gave, and how its table was made.
type Answer struct {
	Document any
	// Queried says that --query chose the document: its order of keys stands.
	Queried bool
	// Transformed says that the command put its table together.
	Transformed bool
}

// ErrNoTable is what a document without columns gives for a table.
var ErrNoTable = errors.New("Table output unavailable. Use the --query option to specify an appropriate query. Use --debug for more info.") //nolint:staticcheck // az's text

// Write writes an answer in a format.
func Write(out io.Writer, format string, answer Answer, color bool) error {
	var text string
	switch format {
	case "json":
		text = JSON(answer.Document) + "\n"
	case "jsonc":
		text = JSON(answer.Document) + "\n"
		if color {
			text = colored(answer.Document) + "\n"
		}
	case "yaml", "yamlc":
		text = YAML(answer.Document, color && format == "yamlc")
	case "table":
		table, err := Table(answer)
		if err != nil {
			return err
		}
		text = table
	case "tsv":
		text = TSV(answer.Document)
	case "none":
	default:
		return fmt.Errorf("%q is no output format", format)
	}
	_, err := io.WriteString(out, text)
	return err
}
