package grammar

import "strings"

// Kind says how many values an argument takes.
type Kind int

// The kinds of arguments.
const (
	One      Kind = iota // exactly one value
	Switch               // none: it is there or it isn't
	Many                 // one or more, separated by spaces
	Any                  // none or more
	Optional             // none or one
)

// Argument is one thing that a command takes.
type Argument struct {
	// Names are the options, "--name" and "-n"; the first one, without its dashes,
	// is the key of the value. A name without dashes makes a positional argument.
	Names []string
	Help  string
	Kind  Kind
	// Must makes the argument required.
	Must bool
	// Allowed lists the only values; their case doesn't matter.
	Allowed []string
	// Default is the value of an argument that isn't given.
	Default string
	// IDPart is the part of a resource ID that --ids takes the value from.
	IDPart string
	// Complete names what a shell completes the value with ("group", "identity").
	Complete string
	// Append collects the values of repeated options instead of keeping the last.
	Append bool
	// Secret keeps the value out of --debug.
	Secret bool
}

// Arg makes an argument of its options, separated by spaces, and its help.
func Arg(names, help string) Argument {
	return Argument{Names: strings.Fields(names), Help: help}
}

// Flag makes an argument without a value.
func Flag(names, help string) Argument {
	return Argument{Names: strings.Fields(names), Help: help, Kind: Switch}
}

// List makes an argument of one or more values.
func List(names, help string) Argument {
	return Argument{Names: strings.Fields(names), Help: help, Kind: Many}
}

// Required makes it required.
func (a Argument) Required() Argument { a.Must = true; return a }

// Of sets how many values it takes.
func (a Argument) Of(k Kind) Argument { a.Kind = k; return a }

// Choices names the only values that it takes.
func (a Argument) Choices(values ...string) Argument { a.Allowed = values; return a }

// Or sets the value of an argument that isn't given.
func (a Argument) Or(value string) Argument { a.Default = value; return a }

// ID names the part of --ids that it comes from.
func (a Argument) ID(part string) Argument { a.IDPart = part; return a }

// Completes names what a shell completes it with.
func (a Argument) Completes(what string) Argument { a.Complete = what; return a }

// Appends collects the values of repeated options.
func (a Argument) Appends() Argument { a.Append = true; return a }

// Hidden keeps its value out of --debug.
func (a Argument) Hidden() Argument { a.Secret = true; return a }

// Key is the name under which the value is found.
func (a Argument) Key() string { return strings.TrimLeft(a.Names[0], "-") }

// Positional reports whether the argument has no option.
func (a Argument) Positional() bool { return !strings.HasPrefix(a.Names[0], "-") }

// Title is how messages name it: all options with slashes.
func (a Argument) Title() string { return strings.Join(a.Names, "/") }
