// Package multicall chooses between the programs that share one file, by the
// name the file is called by or by its first argument. It knows none of them,
// so it is tested without building them.
package multicall

import (
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"
)

// Program runs one of the programs to its end. args[0] is the program's name;
// the result is the exit status.
type Program func(args []string) int

// Choose finds the program that args names, by args[0] or by the first
// argument, and returns it with the arguments that it shall see.
func Choose(all map[string]Program, args []string) (Program, []string, bool) {
	if len(args) == 0 {
		return nil, nil, false
	}
	name := filepath.Base(args[0])
	if run, ok := all[name]; ok {
		return run, append([]string{name}, args[1:]...), true
	}
	if len(args) > 1 {
		if run, ok := all[args[1]]; ok {
			return run, args[1:], true
		}
	}
	return nil, nil, false
}

// Usage says how the file is called and which programs it holds.
func Usage(w io.Writer, all map[string]Program) {
	fmt.Fprintf(w, "usage: kube PROGRAM [ARGUMENT]..., or call it by the program's name\nprograms: %s\n",
		strings.Join(slices.Sorted(maps.Keys(all)), ", "))
}
