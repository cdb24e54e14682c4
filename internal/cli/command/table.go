package command

import (
	"context"

	"github.com/lanyard-project/lanyard/internal/cli/grammar"
)

// Command is an entry of the table.
type Command struct {
	Path      string
	Summary   string
	Details   string
	Arguments []grammar.Argument
	Examples  []Example
	// Confirm is asked before the command runs unless --yes is given; "" asks nothing.
	Confirm string
	// NoWait adds --no-wait.
	NoWait bool
	// Raw commands read what follows their words themselves (`lanyard az -- …`).
	Raw bool
	// Hidden commands aren't listed.
	Hidden bool
	// Table makes the rows of -o table; nil leaves it to the rules of az.
	Table func(answer any) any
	// Run returns the document to print; nil prints nothing.
	Run func(ctx context.Context, c *Call) (any, error)
}

// Verbatim is an answer that is printed as the service gave it.
type Verbatim struct{ Document any }

// Example is a command line that help shows.
type Example struct{ Title, Line string }

// Group says what a group of commands is about.
type Group struct{ Path, Summary string }

// Table is groups and their commands.
type Table struct {
	Groups   []Group
	Commands []*Command
}

// Join puts tables together.
func Join(tables ...Table) Table {
	var all Table
	for _, t := range tables {
		all.Groups = append(all.Groups, t.Groups...)
		all.Commands = append(all.Commands, t.Commands...)
	}
	return all
}

// Sure is the question that most commands ask.
const Sure = "Are you sure you want to perform this operation?"

// grammar is the command as the grammar sees it: with the arguments that its
// properties bring.
func (c *Command) grammar() *grammar.Command {
	g := &grammar.Command{Path: c.Path, Arguments: append([]grammar.Argument(nil), c.Arguments...)}
	if c.takesIDs() {
		for i := range g.Arguments {
			if g.Arguments[i].IDPart != "" {
				g.Arguments[i].Must = false
			}
		}
		g.Arguments = append(g.Arguments, grammar.List("--ids", "Resource IDs, in the place of names and groups."))
	}
	if c.Confirm != "" {
		g.Arguments = append(g.Arguments, grammar.Flag("--yes -y", "Don't ask for confirmation."))
	}
	if c.NoWait {
		g.Arguments = append(g.Arguments, grammar.Flag("--no-wait", "Don't wait for the long-running operation to end."))
	}
	return g
}
