package grammar

import (
	"slices"
	"strings"
)

// Command is a command as its users see it.
type Command struct {
	// Path is its words, "identity federated-credential create".
	Path      string
	Arguments []Argument
}

// Tree is all commands by their words.
type Tree struct {
	commands map[string]*Command
	children map[string][]string // by group path, sorted; "" is the root
}

// NewTree makes a tree of commands. Two commands of one path are a mistake of the
// program and panic at once.
func NewTree(commands []*Command) *Tree {
	t := &Tree{commands: map[string]*Command{}, children: map[string][]string{}}
	for _, c := range commands {
		if t.commands[c.Path] != nil {
			panic("two commands are called " + c.Path)
		}
		t.commands[c.Path] = c
		parent := ""
		for _, word := range strings.Fields(c.Path) {
			if at, found := slices.BinarySearch(t.children[parent], word); !found {
				t.children[parent] = slices.Insert(t.children[parent], at, word)
			}
			parent = strings.TrimSpace(parent + " " + word)
		}
	}
	return t
}

// Command returns the command of a path, or nil.
func (t *Tree) Command(path string) *Command { return t.commands[path] }

// Children are the words that may follow a group's path; none for a command.
func (t *Tree) Children(path string) []string { return t.children[path] }

// Find walks the words of a line to a command. The rest of the line comes back with
// global options that stood before or between the words. When the words end in a
// group, command is nil and path is the group's.
func (t *Tree) Find(program string, line []string) (command *Command, path string, rest []string, err error) {
	globals := Globals()
	for i := 0; i < len(line); i++ {
		word := line[i]
		if t.commands[path] != nil {
			return t.commands[path], path, append(rest, line[i:]...), nil
		}
		if strings.HasPrefix(word, "-") && word != "-" {
			rest = append(rest, word)
			if a, ok := exact(globals, word); ok && a.Kind == One && i+1 < len(line) {
				i++
				rest = append(rest, line[i])
			}
			continue
		}
		if !slices.Contains(t.children[path], word) {
			return nil, path, nil, t.misspelled(program, path, line, i)
		}
		path = strings.TrimSpace(path + " " + word)
	}
	return t.commands[path], path, rest, nil
}

func (t *Tree) misspelled(program, path string, line []string, at int) error {
	word := line[at]
	e := &Error{Text: "'" + word + "' is misspelled or not recognized by the system.", Command: path}
	if near := Nearest(word, t.children[path]); near != "" {
		e.Hints = []string{"Did you mean '" + near + "' ?"}
		e.Command = strings.TrimSpace(path + " " + near)
	} else if path == "" {
		e.Hints = []string{"Run '" + program + " --help' for the list of commands, or '" + program + " find " + word + "' to search them."}
	}
	return e
}

func exact(arguments []Argument, option string) (Argument, bool) {
	i := slices.IndexFunc(arguments, func(a Argument) bool { return slices.Contains(a.Names, option) })
	if i < 0 {
		return Argument{}, false
	}
	return arguments[i], true
}
