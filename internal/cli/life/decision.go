package life

import (
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/lanyard-project/lanyard/internal/cli/command"
	"github.com/lanyard-project/lanyard/internal/cli/print"
	"github.com/lanyard-project/lanyard/internal/cli/value"
)

// decision is what the service answered about somebody and a scope.
type decision struct {
	who, scope string
	answer     *value.Object
}

// tell tells it to a person. On a terminal, scopes of the current subscription are named by
// what they are and the rest is broken to its width; a pipe gets every ID whole.
func (d decision) tell(p *command.Program, subscription string) {
	width := command.Width(p.Out)
	if width == 0 {
		subscription = ""
	}
	mark, end := "", ""
	allowed := d.answer.String("accessDecision") == "Allowed"
	if p.Color {
		mark, end = map[bool]string{true: "\x1b[32m", false: "\x1b[31m"}[allowed], "\x1b[0m"
	}
	verdict := map[bool]string{true: "yes", false: "no"}[allowed]
	const hanging = "    "
	first := print.Wrap(fmt.Sprintf("%s: %s may%s do %s", verdict, d.who, map[bool]string{true: "", false: " not"}[allowed], d.answer.String("actionId")), hanging, width)
	fmt.Fprintf(p.Out, "%s%s%s%s\n", mark, verdict, end, first[len(hanging)+len(verdict):])
	say := func(indent, text string) { fmt.Fprintln(p.Out, print.Wrap(text, indent, width)) }
	say("    ", "at "+shortScope(d.scope, subscription))
	if role := d.answer.Object("roleAssignment"); role != nil {
		say("  ", "by role "+role.String("roleDefinitionName")+", assigned at "+shortScope(role.String("scope"), subscription))
		say("    ", role.String("id"))
	}
	if text := d.answer.String("explanation"); text != "" && !allowed {
		d.advise(p.Out, text, subscription, width)
	}
	if considered := d.answer.List("considered"); len(considered) > 0 {
		say("  ", "looked at:")
		for _, v := range considered {
			o, _ := v.(*value.Object)
			say("    ", fmt.Sprintf("%s at %s: %s", o.String("roleDefinitionName"), shortScope(o.String("scope"), subscription), o.String("outcome")))
		}
	}
}

var advice = regexp.MustCompile(`(?s)^(.*?)\s*You can run 'az (.*)' to grant the permission\.$`)

// advise tells why not, and on a terminal the command that would grant it by itself, an
// option a line, to be copied.
func (d decision) advise(out io.Writer, text, subscription string, width int) {
	parts := advice.FindStringSubmatch(text)
	if width == 0 || parts == nil {
		fmt.Fprintln(out, print.Wrap(text, "  ", width))
		return
	}
	line := parts[2]
	if group, ok := strings.CutPrefix(d.scope, subscription+"/resourceGroups/"); ok && !strings.Contains(group, "/") {
		line = strings.Replace(line, "--scope "+d.scope, "--resource-group "+group, 1)
	}
	fmt.Fprintf(out, "%s\n  This would grant it:\n    lanyard %s\n", print.Wrap(parts[1], "  ", width), strings.ReplaceAll(line, " --", " \\\n      --"))
}

// shortScope names a scope of a subscription by what it is; others by their IDs.
func shortScope(scope, subscription string) string {
	if subscription == "" {
		return scope
	}
	below, ok := strings.CutPrefix(strings.ToLower(scope), strings.ToLower(subscription))
	if !ok || below != "" && below[0] != '/' {
		return scope
	}
	parts := strings.Split(strings.TrimPrefix(scope[len(subscription):], "/"), "/")
	switch {
	case below == "":
		return "the subscription"
	case len(parts) == 2 && strings.EqualFold(parts[0], "resourceGroups"):
		return "resource group " + parts[1]
	case len(parts) == 6 && strings.EqualFold(parts[0], "resourceGroups"):
		return fmt.Sprintf("%s (%s/%s) of resource group %s", parts[5], parts[3], parts[4], parts[1])
	}
	return scope
}
