package shape

import (
	"embed"
	"fmt"
	"strings"
)

//go:embed models/*.txt
var files embed.FS

// model is what az knows of a type, in its order.
type model []attribute

// optional is the kind of a field that az prints only when it is there.
const optional = "?"

// attribute is a field: how it is called, where the answer has it, and what it is: ""
// for what stays as it is, "time", "float", "?" for what is left out when it isn't there, or a model; in brackets for a list, in
// braces for an object of such values.
type attribute struct {
	name string
	path []string
	kind string
}

// Models are the models of one service.
type Models struct{ byName map[string]model }

// Load reads the models of a service, "managedidentity". A missing file or a line
// that can't be read is a mistake of the program.
func Load(service string) *Models {
	data, err := files.ReadFile("models/" + service + ".txt")
	if err != nil {
		panic(fmt.Sprintf("no models of %s: %v", service, err))
	}
	m := &Models{byName: map[string]model{}}
	current := ""
	for line := range strings.SplitSeq(string(data), "\n") {
		words := strings.Fields(line)
		if len(words) == 0 || words[0] == "#" {
			continue
		}
		if !strings.HasPrefix(line, " ") {
			current = words[0]
			m.byName[current] = model{}
			continue
		}
		a := attribute{name: words[0], path: []string{words[0]}}
		if len(words) > 1 {
			a.path = splitPath(words[1])
		}
		if len(words) > 2 {
			a.kind = words[2]
		}
		m.byName[current] = append(m.byName[current], a)
	}
	return m
}

// splitPath splits at dots that aren't escaped.
func splitPath(path string) []string {
	parts := strings.Split(strings.ReplaceAll(path, `\.`, "\x00"), ".")
	for i := range parts {
		parts[i] = strings.ReplaceAll(parts[i], "\x00", ".")
	}
	return parts
}
