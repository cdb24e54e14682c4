package grammar

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func example() *Command {
	return &Command{Path: "thing create", Arguments: []Argument{
		Arg("--resource-group -g", "").Required(),
		Arg("--name -n", "").Required(),
		Arg("--kind -k", "").Choices("System", "User").Or("System"),
		List("--tags", "").Of(Any),
		List("--zones -z", ""),
		Flag("--no-wait", ""),
		Flag("--yes -y", ""),
	}}
}

// TestParse holds how az reads a line; the texts are its own.
func TestParse(t *testing.T) {
	for line, want := range map[string]string{
		"-g a -n b":                            "name=b resource-group=a",
		"-ga --name=b":                         "name=b resource-group=a",
		"--resource a --na b":                  "name=b resource-group=a",
		"-n b -g a -o table --query x":         "name=b output=table query=x resource-group=a",
		"-g a -n b -z 1 2 --yes":               "name=b resource-group=a yes= zones=1,2",
		"-g a -n b --tags":                     "name=b resource-group=a tags=",
		"-g a -n b --tags x=1 y":               "name=b resource-group=a tags=x=1,y",
		"-g a -n b -k user":                    "kind=User name=b resource-group=a",
		"-g a -n -5":                           "name=-5 resource-group=a",
		"-g a -n b -n c":                       "name=c resource-group=a",
		"-g a -n":                              "ERROR argument --name/-n: expected one argument",
		"-g a -n -y":                           "ERROR argument --name/-n: expected one argument",
		"-g a -n b -z":                         "ERROR argument --zones/-z: expected at least one argument",
		"-g a --n b":                           "ERROR ambiguous option: --n could match --name, --no-wait",
		"-g a -n b --foo bar":                  "ERROR unrecognized arguments: --foo bar",
		"-g a -n b --yes=1":                    "ERROR argument --yes/-y: ignored explicit argument '1'",
		"-g a -n b -k Sistem":                  "ERROR az thing create: 'Sistem' is not a valid value for '--kind'. Allowed values: System, User.",
		"-n b":                                 "ERROR the following arguments are required: --resource-group/-g",
		"":                                     "ERROR the following arguments are required: --resource-group/-g, --name/-n",
		"-g a -n b --only-show-errors --debug": "debug= name=b only-show-errors= resource-group=a",
	} {
		got, err := Parse("az", example(), strings.Fields(line))
		if err == nil {
			err = Require(example(), got)
		}
		if diff := cmp.Diff(want, describe(got, err)); diff != "" {
			t.Errorf("%q: %s", line, diff)
		}
	}
}

func describe(v *Values, err error) string {
	if err != nil {
		return "ERROR " + err.Error()
	}
	var parts []string
	for _, a := range append(example().Arguments, Globals()...) {
		if v.Given(a.Key()) {
			parts = append(parts, a.Key()+"="+strings.Join(v.List(a.Key()), ","))
		}
	}
	for i := range parts {
		for j := i + 1; j < len(parts); j++ {
			if parts[j] < parts[i] {
				parts[i], parts[j] = parts[j], parts[i]
			}
		}
	}
	return strings.Join(parts, " ")
}

func TestFind(t *testing.T) {
	tree := NewTree([]*Command{{Path: "group list"}, {Path: "group lock create"}, {Path: "identity show"}})
	for line, want := range map[string]string{
		"group list -o table":     "group list|-o table",
		"-o table group list":     "group list|-o table",
		"--debug group lock":      "group: group lock",
		"group lst":               "'lst' is misspelled or not recognized by the system. Did you mean 'list' ?",
		"grup list":               "'grup' is misspelled or not recognized by the system. Did you mean 'group' ?",
		"group lock create -n x":  "group lock create|-n x",
		"identity show list more": "identity show|list more",
	} {
		command, path, rest, err := tree.Find("az", strings.Fields(line))
		got := "group: " + path
		var usage *Error
		switch {
		case errors.As(err, &usage):
			got = usage.Text + " " + strings.Join(usage.Hints, " ")
		case command != nil:
			got = path + "|" + strings.Join(rest, " ")
		}
		if got != want {
			t.Errorf("%q gave %q, want %q", line, got, want)
		}
	}
}

func TestExpandFiles(t *testing.T) {
	file := filepath.Join(t.TempDir(), "body.json")
	if err := os.WriteFile(file, []byte("{\"a\": 1}\n\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	got := ExpandFiles([]string{"@" + file, "--body=@" + file, "@-", "a@b", "@", "@/no/such", "x=y"}, strings.NewReader("in\n"))
	want := []string{`{"a": 1}`, `--body={"a": 1}`, "in", "a@b", "@", "@/no/such", "x=y"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("-g a -n b --tags x=1 y -- z")
	f.Add("--n=-- -k= -zz @- --")
	f.Fuzz(func(_ *testing.T, line string) {
		_, _ = Parse("az", example(), strings.Split(line, " "))
	})
}
