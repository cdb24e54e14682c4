package life

import (
	"context"
	"slices"

	"github.com/lanyard-project/lanyard/internal/cli/command"
	"github.com/lanyard-project/lanyard/internal/cli/grammar"
)

// Plugin is the table of `kubectl lanyard`: what concerns pods, in kubectl's words.
func Plugin() command.Table {
	return command.Join(bindingsCommand(), migrateCommand(), ofPod(whyCommand(), "who"), ofPod(tokenCommand(), "who"))
}

// ofPod makes commands take a pod and a namespace in the place of who.
func ofPod(t command.Table, key string) command.Table {
	for _, c := range t.Commands {
		c.Arguments = slices.Clone(c.Arguments)
		for i, a := range c.Arguments {
			if a.Key() == key {
				c.Arguments[i] = grammar.Arg("pod", "Name of the pod.").Required()
			}
		}
		c.Arguments = append(c.Arguments, grammar.Arg("--namespace -n", "Namespace of the pod.").Or("default"))
		c.Details, c.Examples = "", nil
		run := c.Run
		c.Run = func(ctx context.Context, call *command.Call) (any, error) {
			call.Set(key, "pod/"+call.Get("namespace")+"/"+call.Get("pod"))
			return run(ctx, call)
		}
	}
	return t
}
