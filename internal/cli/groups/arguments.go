package groups

import (
	"strings"

	"github.com/lanyard-project/lanyard/internal/cli/command"
	"github.com/lanyard-project/lanyard/internal/cli/grammar"
	"github.com/lanyard-project/lanyard/internal/cli/value"
)

// argument saves the package's name in the tables.
type argument = grammar.Argument

func arg(names, help string) argument  { return grammar.Arg(names, help) }
func flag(names, help string) argument { return grammar.Flag(names, help) }
func list(names, help string) argument { return grammar.List(names, help) }

// inGroup is the resource group of a resource.
func inGroup() argument { return optionalGroup().Required() }

func optionalGroup() argument {
	return arg("--resource-group -g", "Name of the resource group. A default is set with `config set defaults.group=NAME`.").ID(command.PartGroup).Completes("group")
}

// named is the name of a resource.
func named(what string) argument {
	return arg("--name -n", "Name of the "+what+".").Required().ID(command.PartName)
}

func location() argument {
	return arg("--location -l", "Location. A default is set with `config set defaults.location=NAME`; else it is that of the resource group.").Completes("location")
}

func tags() argument {
	return list("--tags", "Tags, key[=value] separated by spaces; \"\" clears them.").Of(grammar.Any)
}

// place writes a location as services do: "East US" is eastus.
func place(name string) string { return strings.ToLower(strings.ReplaceAll(name, " ", "")) }

// pairs reads key[=value] words.
func pairs(words []string) *value.Object {
	o := value.NewObject()
	for _, word := range words {
		key, v, _ := strings.Cut(word, "=")
		if key != "" {
			o.Set(key, v)
		}
	}
	return o
}

// withTags sets the tags of a body when they were given.
func withTags(c *command.Call, body *value.Object) *value.Object {
	if c.Given("tags") {
		body.Set("tags", pairs(c.List("tags")))
	}
	return body
}

// columns makes the rows of a table from the fields of an object: heading, path.
func columns(pairs ...string) func(any) any {
	row := func(v any) any {
		o, _ := v.(*value.Object)
		r := value.NewObject()
		for i := 0; i+1 < len(pairs); i += 2 {
			r.Set(pairs[i], o.At(strings.Split(pairs[i+1], ".")...))
		}
		return r
	}
	return func(v any) any {
		rows, ok := v.([]any)
		if !ok {
			return row(v)
		}
		made := make([]any, len(rows))
		for i := range rows {
			made[i] = row(rows[i])
		}
		return made
	}
}
