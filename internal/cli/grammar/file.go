package grammar

import (
	"io"
	"os"
	"path/filepath"
	"strings"
)

// ExpandFiles puts the content of a file in the place of @file, and standard input in
// the place of @-, for whole words and for what follows the first "=". What names no
// readable file stays as it is, as with az.
func ExpandFiles(line []string, stdin io.Reader) []string {
	expanded := make([]string, len(line))
	for i, word := range line {
		name, v, hasValue := strings.Cut(word, "=")
		if hasValue {
			expanded[i] = name + "=" + expandFile(v, stdin)
			continue
		}
		expanded[i] = expandFile(word, stdin)
	}
	return expanded
}

func expandFile(word string, stdin io.Reader) string {
	path, ok := strings.CutPrefix(word, "@")
	if !ok || path == "" {
		return word
	}
	var data []byte
	var err error
	if path == "-" {
		data, err = io.ReadAll(stdin)
	} else {
		if rest, ok := strings.CutPrefix(path, "~/"); ok {
			if home, err := os.UserHomeDir(); err == nil {
				path = filepath.Join(home, rest)
			}
		}
		data, err = os.ReadFile(path)
	}
	if err != nil {
		return word
	}
	return strings.TrimRight(string(data), "\n")
}
