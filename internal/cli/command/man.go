package command

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/lanyard-project/lanyard/internal/cli/grammar"
)

// ManCommand prints the manual page of a command, or writes those of all.
func ManCommand() Table {
	return Table{Commands: []*Command{{
		Path: "man", Summary: "Print the manual page of a command, or write all of them.",
		Arguments: []grammar.Argument{
			grammar.Arg("words", "Words of the command.").Of(grammar.Any),
			grammar.Arg("--dir", "Folder to write the pages of all commands to."),
		},
		Examples: []Example{{Title: "Read a page.", Line: "lanyard man aks create | man -l -"}},
		Run: func(_ context.Context, c *Call) (any, error) {
			p := c.Program
			dir := c.Get("dir")
			if dir == "" {
				path := strings.Join(c.List("words"), " ")
				page := p.command(path)
				if page == nil {
					return nil, Usage("there is no command '%s'", path)
				}
				fmt.Fprint(p.Out, p.page(page))
				return nil, nil
			}
			if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // manual pages are for everybody
				return nil, err
			}
			for _, page := range p.Table.Commands {
				if page.Hidden {
					continue
				}
				file := filepath.Join(dir, p.Name+"-"+strings.ReplaceAll(page.Path, " ", "-")+".1")
				if err := os.WriteFile(file, []byte(p.page(page)), 0o644); err != nil { //nolint:gosec // as above
					return nil, err
				}
			}
			return nil, nil
		},
	}}}
}

// page is a manual page in roff.
func (p *Program) page(c *Command) string {
	var b strings.Builder
	title := p.Name + "-" + strings.ReplaceAll(c.Path, " ", "-")
	fmt.Fprintf(&b, ".TH %s 1 \"\" %q\n.SH NAME\n%s \\- %s\n.SH SYNOPSIS\n.B %s %s\n", strings.ToUpper(title), p.Name+" "+p.Version, roff(title), roff(c.Summary), p.Name, roff(c.Path))
	arguments := p.tree.Command(c.Path).Arguments
	for _, a := range arguments {
		name := a.Names[0]
		if a.Kind != grammar.Switch && !a.Positional() {
			name += " " + strings.ToUpper(strings.ReplaceAll(a.Key(), "-", "_"))
		}
		if !a.Must {
			name = "[" + name + "]"
		}
		fmt.Fprintf(&b, "%s\n", roff(name))
	}
	if c.Details != "" {
		fmt.Fprintf(&b, ".SH DESCRIPTION\n%s\n", roff(c.Details))
	}
	b.WriteString(".SH OPTIONS\n")
	for _, a := range append(arguments, grammar.Globals()...) {
		fmt.Fprintf(&b, ".TP\n.B %s\n%s", roff(strings.Join(a.Names, ", ")), roff(a.Help))
		if len(a.Allowed) > 0 {
			fmt.Fprintf(&b, " One of %s.", roff(strings.Join(a.Allowed, ", ")))
		}
		b.WriteByte('\n')
	}
	b.WriteString(".SH EXAMPLES\n")
	for _, e := range c.AllExamples() {
		fmt.Fprintf(&b, "%s\n.PP\n.nf\n.RS\n%s\n.RE\n.fi\n.PP\n", roff(e.Title), roff(e.Line))
	}
	return b.String()
}

// roff keeps text from being read as instructions.
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(text)
	if strings.HasPrefix(text, ".") || strings.HasPrefix(text, "'") {
		text = `\&` + text
	}
	return text
}
