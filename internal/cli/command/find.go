package command

import (
	"context"
	"fmt"
	"strings"

	"github.com/lanyard-project/lanyard/internal/cli/grammar"
)

// FindCommand searches commands and their examples.
func FindCommand() Table {
	return Table{Commands: []*Command{{
		Path: "find", Summary: "Search commands and examples.",
		Arguments: []grammar.Argument{grammar.List("words", "Words to search for; a command has to have all of them.").Required()},
		Examples:  []Example{{Title: "How are clusters created?", Line: "lanyard find aks create"}},
		Run: func(_ context.Context, c *Call) (any, error) {
			p, found := c.Program, 0
			// `find "az aks create"` is how az is asked.
			words := strings.Fields(strings.Join(c.List("words"), " "))
			if len(words) > 1 && (words[0] == "az" || words[0] == p.Name) {
				words = words[1:]
			}
			for _, candidate := range p.Table.Commands {
				if candidate.Hidden || !mentions(candidate, words) {
					continue
				}
				found++
				fmt.Fprintf(p.Out, "%s %s : %s\n", p.Name, candidate.Path, candidate.Summary)
				for _, e := range candidate.AllExamples() {
					fmt.Fprintf(p.Out, "    %s\n        %s\n", e.Title, strings.ReplaceAll(e.Line, "\n", "\n        "))
				}
			}
			if found == 0 {
				return nil, fmt.Errorf("no command has %q in its words, summary or examples", strings.Join(c.List("words"), " "))
			}
			return nil, nil
		},
	}}}
}

func mentions(c *Command, words []string) bool {
	text := c.Path + " " + c.Summary
	for _, e := range c.Examples {
		text += " " + e.Title + " " + e.Line
	}
	for _, word := range words {
		if !strings.Contains(strings.ToLower(text), strings.ToLower(word)) {
			return false
		}
	}
	return true
}
