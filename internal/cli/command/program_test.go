package command

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lanyard-project/lanyard/internal/cli/azure"
	"github.com/lanyard-project/lanyard/internal/cli/grammar"
	"github.com/lanyard-project/lanyard/internal/cli/login"
	"github.com/lanyard-project/lanyard/internal/cli/value"
)

func things() Table {
	name := []grammar.Argument{
		grammar.Arg("--resource-group -g", "Group.").Required().ID(PartGroup),
		grammar.Arg("--name -n", "Name.").Required().ID(PartName).Completes("thing"),
	}
	echo := func(_ context.Context, c *Call) (any, error) {
		id := "/subscriptions/" + c.Get("subscription") + "/resourceGroups/" + c.Get("resource-group") + "/providers/P/t/" + c.Get("name")
		return value.NewObject("name", c.Get("name"), "id", id, "count", value.Int(1)), nil
	}
	return Table{
		Groups: []Group{{Path: "thing", Summary: "Things."}},
		Commands: []*Command{
			{Path: "thing show", Summary: "Show a thing.", Arguments: name, Run: echo, Examples: []Example{{Title: "Show it.", Line: "lanyard thing show -g g -n n"}}},
			{Path: "thing delete", Summary: "Delete a thing.", Arguments: name, Confirm: Sure, Run: func(context.Context, *Call) (any, error) { return nil, nil }},
			{Path: "thing refuse", Summary: "Fail.", Run: func(context.Context, *Call) (any, error) {
				return nil, &azure.Error{Status: 404, Text: "(NotThere) It isn't."}
			}},
			{Path: "thing fail", Summary: "Fail.", Run: func(context.Context, *Call) (any, error) { return nil, errors.New("no") }},
		},
	}
}

// TestRun holds what a line prints, where, and its exit status.
func TestRun(t *testing.T) {
	for line, want := range map[string]struct {
		status   int
		out, err string
	}{
		"thing show -g g -n n -o tsv --query [name,resourceGroup]":                      {0, "n\ng\n", ""},
		"thing show -g g -n n -o table":                                                 {0, "Count    Name    ResourceGroup\n-------  ------  ---------------\n1        n       g\n", ""},
		"thing show --ids /subscriptions/s/resourceGroups/a/providers/P/t/x --query id": {0, "\"/subscriptions/s/resourceGroups/a/providers/P/t/x\"\n", ""},
		"thing show --ids /subscriptions/s/resourceGroups/a/providers/P/t/x /subscriptions/s/resourceGroups/b/providers/P/t/y --query [].name -o tsv": {0, "x\ny\n", ""},
		"thing show":                   {1, "", "ERROR: (--resource-group --name | --ids) are required\n"},
		"thing show -n n":              {1, "", "ERROR: (--resource-group | --ids) are required\n"},
		"thing show --ids nothing":     {1, "", "ERROR: invalid resource ID: nothing\n"},
		"thing show --bad":             {2, "", "ERROR: unrecognized arguments: --bad\n\nExamples:\nlanyard thing show -g g -n n\nShow it.\n\n"},
		"thing shw":                    {2, "", "ERROR: 'shw' is misspelled or not recognized by the system.\nDid you mean 'show' ?\n\nExamples:\nlanyard thing show -g g -n n\nShow it.\n\n"},
		"thing":                        {2, "", "ERROR: the following arguments are required: _subcommand\n"},
		"thing delete -g g -n n":       {1, "", "WARNING: Unable to prompt for confirmation as no tty available. Use --yes.\nERROR: Operation cancelled.\n"},
		"thing delete -g g -n n --yes": {0, "", ""},
		"thing delete -g g -n n --only-show-errors": {1, "", "ERROR: Operation cancelled.\n"},
		"thing refuse":                   {3, "", "ERROR: (NotThere) It isn't.\n"},
		"thing fail":                     {1, "", "ERROR: no\n"},
		"thing show -g g -n n --query [": {2, "", "ERROR: argument --query: invalid jmespath_type value: '['\nTo learn more about --query, please visit: 'https://docs.microsoft.com/cli/azure/query-azure-cli'\n"},
	} {
		p, out, complaints := program(t)
		status := p.Run(t.Context(), strings.Fields(line))
		if status != want.status || out.String() != want.out || complaints.String() != want.err {
			t.Errorf("%q: status %d, want %d\n%s%s", line, status, want.status, cmp.Diff(want.out, out.String()), cmp.Diff(want.err, complaints.String()))
		}
	}
}

func program(t *testing.T) (p *Program, out, complaints *strings.Builder) {
	t.Helper()
	out, complaints = &strings.Builder{}, &strings.Builder{}
	return &Program{
		Name: "lanyard", Version: "v0.0.0", Table: things(), In: strings.NewReader(""), Out: out, Err: complaints,
		Getenv: func(string) string { return "" }, Folder: login.Folder{Path: t.TempDir()},
	}, out, complaints
}

func TestDefaultsComeFromTheSettings(t *testing.T) {
	p, out, complaints := program(t)
	if err := os.WriteFile(filepath.Join(p.Folder.Path, "config"), []byte("[defaults]\ngroup = mine\n[core]\noutput = tsv\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if status := p.Run(t.Context(), strings.Fields("thing show -n n --query resourceGroup")); status != 0 || out.String() != "mine\n" {
		t.Errorf("status %d: %s%s", status, out, complaints)
	}
}

func TestCompletion(t *testing.T) {
	for line, want := range map[string]string{
		"thi":                       "thing",
		"thing s":                   "show",
		"thing show --na":           "--name",
		"thing show -g g -n ":       "a,b",
		"thing show -g g -n b":      "b",
		"thing show -g g -n a --re": "",
		"thing show -g g -o js":     "json,jsonc",
		"nothing at all":            "",
	} {
		p, out, _ := program(t)
		p.Table = Join(p.Table, CompletionCommands(func(context.Context, *Call, string) []string { return []string{"a", "b"} }))
		p.Run(t.Context(), append([]string{"__complete", "--"}, strings.Split(line, " ")...))
		if got := strings.Join(strings.Fields(out.String()), ","); got != want {
			t.Errorf("%q completes to %q, want %q", line, got, want)
		}
	}
}

func TestManualPage(t *testing.T) {
	p, out, complaints := program(t)
	p.Table = Join(p.Table, ManCommand())
	if status := p.Run(t.Context(), []string{"man", "thing", "show"}); status != 0 || !strings.Contains(out.String(), ".SH NAME\nlanyard\\-thing\\-show \\- Show a thing.\n") {
		t.Errorf("status %d: %s%s", status, out, complaints)
	}
}

func TestHelp(t *testing.T) {
	p, out, _ := program(t)
	if status := p.Run(t.Context(), []string{"thing", "show", "--help"}); status != 0 || !strings.Contains(out.String(), "--ids               : Resource IDs") {
		t.Errorf("status %d: %s", status, out)
	}
}
