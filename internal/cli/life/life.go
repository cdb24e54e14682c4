package life

import (
	"os"
	"path/filepath"

	"github.com/lanyard-project/lanyard/internal/cli/grammar"
)

type argument = grammar.Argument

// buildFolder finds the programs: where they were said to be, beside this program, or
// in ./build.
func buildFolder(given string) (string, error) {
	if given == "" {
		given = "build"
		if self, err := os.Executable(); err == nil {
			if folder := filepath.Dir(filepath.Dir(self)); exists(filepath.Join(folder, "bin", "lanyardd")) {
				given = folder
			}
		}
	}
	return filepath.Abs(given)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
