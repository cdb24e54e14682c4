package command

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lanyard-project/lanyard/internal/cli/grammar"
	"github.com/lanyard-project/lanyard/internal/cli/print"
)

// help prints what a command does and takes.
func (p *Program) help(c *Command) {
	fmt.Fprintf(p.Out, "\nCommand\n    %s %s : %s\n", p.Name, c.Path, c.Summary)
	if c.Details != "" {
		fmt.Fprintf(p.Out, "        %s\n", strings.ReplaceAll(strings.TrimSpace(c.Details), "\n", "\n        "))
	}
	own := p.tree.Command(c.Path).Arguments
	globals := slices.DeleteFunc(grammar.Globals(), func(g grammar.Argument) bool {
		return slices.ContainsFunc(own, func(a grammar.Argument) bool { return a.Names[0] == g.Names[0] })
	})
	p.arguments("Arguments", own)
	p.arguments("Global Arguments", globals)
	fmt.Fprintln(p.Out, "\nExamples")
	for _, e := range c.AllExamples() {
		fmt.Fprintf(p.Out, "    %s\n        %s\n\n", e.Title, strings.ReplaceAll(strings.ReplaceAll(e.Line, "lanyard ", p.Name+" "), "\n", "\n        "))
	}
}

func (p *Program) arguments(title string, list []grammar.Argument) {
	if len(list) == 0 {
		return
	}
	width := 0
	for _, a := range list {
		width = max(width, len(strings.Join(a.Names, " "))+len(required(a)))
	}
	fmt.Fprintf(p.Out, "\n%s\n", title)
	for _, a := range list {
		text := a.Help
		if len(a.Allowed) > 0 {
			text += "  Allowed values: " + strings.Join(a.Allowed, ", ") + "."
		}
		if a.Default != "" {
			text += "  Default: " + a.Default + "."
		}
		names := strings.Join(a.Names, " ")
		p.entry(names+strings.Repeat(" ", width-len(names)-len(required(a)))+required(a), text)
	}
}

// entry explains a word behind it; on a terminal in the columns that are left of the line.
func (p *Program) entry(word, text string) {
	const gap = 7 // four before the word, " : " after it
	indent := strings.Repeat(" ", len(word)+gap)
	fmt.Fprintf(p.Out, "    %s : %s\n", word, strings.TrimPrefix(print.Wrap(text, indent, Width(p.Out)), indent))
}

func required(a grammar.Argument) string {
	if a.Must {
		return " [Required]"
	}
	return ""
}

// groupHelp lists what stands in a group.
func (p *Program) groupHelp(path string) {
	if path == "" {
		fmt.Fprintf(p.Out, "\n%s: managed identities for Kubernetes, and the identity cloud behind them.\n\n", p.Name)
		fmt.Fprintf(p.Out, "Commands are those of az. `%s up` starts a cloud on this machine; without it they go to Azure.\n", p.Name)
	} else {
		fmt.Fprintf(p.Out, "\nGroup\n    %s %s : %s\n", p.Name, path, p.summary(path))
	}
	var groups, commands []string
	for _, word := range p.tree.Children(path) {
		full := strings.TrimSpace(path + " " + word)
		if c := p.command(full); c != nil && c.Hidden {
			continue
		}
		if p.tree.Command(full) != nil {
			commands = append(commands, word)
		} else {
			groups = append(groups, word)
		}
	}
	p.words("Subgroups:", path, groups)
	p.words("Commands:", path, commands)
	fmt.Fprintf(p.Out, "\n`%s COMMAND --help` tells more about one.\n", strings.TrimSpace(p.Name+" "+path))
}

func (p *Program) words(title, path string, words []string) {
	if len(words) == 0 {
		return
	}
	width := 0
	for _, word := range words {
		width = max(width, len(word))
	}
	fmt.Fprintf(p.Out, "\n%s\n", title)
	for _, word := range words {
		p.entry(fmt.Sprintf("%-*s", width, word), p.summary(strings.TrimSpace(path+" "+word)))
	}
}

func (p *Program) summary(path string) string {
	if c := p.command(path); c != nil {
		return c.Summary
	}
	for _, g := range p.Table.Groups {
		if g.Path == path {
			return g.Summary
		}
	}
	return ""
}
