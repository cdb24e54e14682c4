package groups

import (
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lanyard-project/lanyard/internal/cli/command"
	"github.com/lanyard-project/lanyard/internal/cli/grammar"
	"github.com/lanyard-project/lanyard/internal/cli/value"
)

// TestTable holds what help relies on: every command and group says what it is, every
// argument too, and the examples are lines that the grammar can read.
func TestTable(t *testing.T) {
	table := Table()
	groups := map[string]bool{}
	for _, g := range table.Groups {
		groups[g.Path] = g.Summary != ""
	}
	if len(table.Commands) < 150 {
		t.Errorf("there are only %d commands", len(table.Commands))
	}
	for _, c := range table.Commands {
		if c.Summary == "" || c.Run == nil {
			t.Errorf("%s has no summary or does nothing", c.Path)
		}
		for at := strings.LastIndex(c.Path, " "); at > 0; at = strings.LastIndex(c.Path[:at], " ") {
			if !groups[c.Path[:at]] {
				t.Errorf("%s stands in the group %s, which has no summary", c.Path, c.Path[:at])
			}
		}
		for _, e := range c.AllExamples() {
			if !readable(c, e.Line) {
				t.Errorf("%s: the example %q can't be read", c.Path, e.Line)
			}
		}
		seen := map[string]bool{}
		for _, a := range c.Arguments {
			if a.Help == "" {
				t.Errorf("%s: %s says nothing", c.Path, a.Title())
			}
			for _, name := range a.Names {
				if seen[name] {
					t.Errorf("%s: two arguments are called %s", c.Path, name)
				}
				seen[name] = true
			}
		}
	}
}

// readable reports whether the grammar takes a line of an example. Lines of other
// commands, which some examples need first, aren't looked at.
func readable(c *command.Command, lines string) bool {
	found := false
	for line := range strings.Lines(lines) {
		rest, ok := strings.CutPrefix(strings.TrimSpace(line), "lanyard "+c.Path)
		if !ok {
			continue
		}
		found = true
		rest = regexp.MustCompile(`"[^"]*"|'[^']*'`).ReplaceAllString(strings.Split(rest, " | ")[0], "quoted")
		g := &grammar.Command{Path: c.Path, Arguments: append([]argument{flag("--yes -y", "Yes."), flag("--no-wait", "No."), list("--ids", "IDs.")}, c.Arguments...)}
		if c.Confirm == "" {
			g.Arguments = g.Arguments[1:]
		}
		seen, all := map[string]bool{}, []argument{}
		for _, a := range g.Arguments {
			if !seen[a.Names[0]] {
				seen[a.Names[0]] = true
				all = append(all, a)
			}
		}
		g.Arguments = all
		values, err := grammar.Parse("lanyard", g, strings.Fields(rest))
		if !c.Raw && (err != nil || grammar.Require(g, values) != nil) {
			return false
		}
	}
	return found
}

func TestGenericUpdate(t *testing.T) {
	for line, want := range map[string]string{
		"--set a.b=1 c=x":            `{"a":{"b":1,"l":[1,{"k":"v"}]},"c":"x"}`,
		"--set a.l[1].k=w":           `{"a":{"b":0,"l":[1,{"k":"w"}]}}`,
		"--set new.deep=true":        `{"a":{"b":0,"l":[1,{"k":"v"}]},"new":{"deep":true}}`,
		"--add a.l x=1 y=2":          `{"a":{"b":0,"l":[1,{"k":"v"},{"x":"1","y":"2"}]}}`,
		"--remove a.l 0":             `{"a":{"b":0,"l":[{"k":"v"}]}}`,
		"--remove a.b":               `{"a":{"l":[1,{"k":"v"}]}}`,
		"--set a.b=1 --force-string": `{"a":{"b":"1","l":[1,{"k":"v"}]}}`,
		"--set a.l[7]=1":             "ERROR index 7 doesn't exist on a.l[7]",
		"--set nothing":              "ERROR usage error: Empty key in --set. Correct syntax: --set KEY=VALUE [KEY=VALUE ...]",
	} {
		v, err := value.Decode([]byte(`{"a":{"b":0,"l":[1,{"k":"v"}]}}`))
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if err := applyGeneric(called(t, line, genericUpdate()), v.(*value.Object)); err != nil {
			got = "ERROR " + err.Error()
		} else if data, err := value.Encode(v); err == nil {
			got = string(data)
		}
		if got != want {
			t.Errorf("%s: %s", line, cmp.Diff(want, got))
		}
	}
}

// az's names for API servers, as it sent them.
func TestDNSPrefix(t *testing.T) {
	const subscription = "e628aabf-a662-4088-a40f-89c3f47f1183"
	for line, want := range map[string]string{
		"-n c1 -g g1":                            "c1-g1-e628aa",
		"-n myManagedCluster -g myResourceGroup": "myManagedC-myResourceGroup-e628aa",
		"-n 1st_cluster -g my_group":             "a1stcluste-mygroup-e628aa",
		"-n c1 -g g1 -p own":                     "own",
	} {
		if got := dnsPrefix(called(t, line, createArguments()), subscription); got != want {
			t.Errorf("%s gave %s, want %s", line, got, want)
		}
	}
}

func called(t *testing.T, line string, arguments []argument) *command.Call {
	t.Helper()
	values, err := grammar.Parse("lanyard", &grammar.Command{Path: "x", Arguments: arguments}, strings.Fields(line))
	if err != nil {
		t.Fatal(err)
	}
	return &command.Call{Values: values, Program: &command.Program{}}
}

func TestKubeconfigIsMerged(t *testing.T) {
	added, err := readKubeconfig([]byte("apiVersion: v1\nclusters:\n- name: c\n  cluster: {server: s}\ncontexts:\n- name: c\n  context: {cluster: c, user: clusterAdmin_g_c}\nusers:\n- name: clusterAdmin_g_c\n  user: {}\ncurrent-context: c\n"))
	if err != nil {
		t.Fatal(err)
	}
	renameContext(added, "")
	if added["current-context"] != "c-admin" {
		t.Errorf("the administrator's context is %v", added["current-context"])
	}
}
