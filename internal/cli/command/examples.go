package command

import (
	"strings"

	"github.com/lanyard-project/lanyard/internal/cli/grammar"
)

// AllExamples are the examples that help shows. A command that was given none has one all
// the same: its shortest line, with names as az's documentation writes them.
func (c *Command) AllExamples() []Example {
	if len(c.Examples) > 0 {
		return c.Examples
	}
	line := "lanyard " + c.Path
	for _, a := range c.Arguments {
		if !a.Must {
			continue
		}
		name := a.Names[0]
		for _, n := range a.Names { // the long one, if there is one
			if strings.HasPrefix(n, "--") && !strings.HasPrefix(name, "--") {
				name = n
			}
		}
		switch {
		case a.Kind == grammar.Switch:
			line += " " + name
		case a.Positional():
			line += " " + placeholder(a)
		default:
			line += " " + name + " " + placeholder(a)
		}
	}
	return []Example{{Title: c.Summary, Line: line}}
}

// placeholder is a value that shows what belongs there.
func placeholder(a grammar.Argument) string {
	if len(a.Allowed) > 0 {
		return a.Allowed[0]
	}
	if a.Default != "" {
		return a.Default
	}
	switch key := a.Key(); key {
	case "location":
		return "eastus"
	case "node-count":
		return "3"
	case "address-prefixes", "address-prefix", "subnet-prefixes":
		return "10.240.0.0/16"
	case "ids", "id", "resource-id", "scope", "identity-resource-id":
		return "ID"
	case "tags", "pod-labels":
		return "key=value"
	case "namespace":
		if strings.HasPrefix(a.Help, "Namespace of the pods") {
			return "my-app"
		}
		return "Microsoft.ContainerService"
	default:
		var b strings.Builder
		b.WriteString("My")
		for word := range strings.SplitSeq(key, "-") {
			if word == "" {
				continue
			}
			b.WriteString(strings.ToUpper(word[:1]) + word[1:])
		}
		return b.String()
	}
}
