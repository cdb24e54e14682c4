package obs

import (
	"fmt"
	"io"
	"log/slog"
)

// NewLogger makes the program's logger. level is debug, info, warn or error;
// format is text or json.
func NewLogger(w io.Writer, level, format string) (*slog.Logger, error) {
	var at slog.Level
	if err := at.UnmarshalText([]byte(level)); err != nil {
		return nil, fmt.Errorf("reading the log level: %q is none of debug, info, warn, error", level)
	}
	options := &slog.HandlerOptions{Level: at}
	switch format {
	case "text":
		return slog.New(slog.NewTextHandler(w, options)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(w, options)), nil
	}
	return nil, fmt.Errorf("reading the log format: %q is none of text, json", format)
}
