//go:build e2e

package e2e_test

import (
	"bytes"
	_ "embed" // the table of command lines
	"errors"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lanyard-project/lanyard/test/e2e/rig"
)

//go:embed testdata/same.txt
var sameLines string

// answer is what a command line did, as far as it has to be the same.
type answer struct {
	Status int
	Output []string
	// Complaint is standard error up to the first empty line: az adds advice from elsewhere there.
	Complaint []string
}

// client runs command lines with one of the two programs.
type client struct {
	me, program string
	environment []string
	// words are what $(NAME) in a line stands for.
	words map[string]string
}

// TestSameAsAz runs each line with the real az and with lanyard. Both work in groups of their own on one cloud.
func TestSameAsAz(t *testing.T) {
	cloud := rig.Start(t, "--registration-time=0s")
	real := &client{me: "viaaz", program: "az", environment: cloud.Az(t).Environment()}
	ours := &client{me: "viaus", program: filepath.Join(cloud.Build, "bin", "lanyard"), environment: cloud.Lanyard(t)}
	for line := range strings.Lines(sameLines) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		want, got := real.run(t, line), ours.run(t, line)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s\n-az +lanyard:\n%s", line, diff)
		}
	}
}

func (c *client) run(t *testing.T, line string) answer {
	t.Helper()
	line = strings.ReplaceAll(line, "{me}", c.me)
	if strings.Contains(line, "$(") {
		line = c.fill(t, line)
	}
	out, complaint, status := c.start(t, line)
	first, _, _ := strings.Cut(complaint, "\n\n")
	return answer{Status: status, Output: c.alike(out), Complaint: c.alike(first)}
}

// fill puts the identifiers of the client's own group and identity into a line.
func (c *client) fill(t *testing.T, line string) string {
	t.Helper()
	if c.words == nil {
		c.words = map[string]string{}
		for name, ask := range map[string]string{
			"$(ID)":     "identity show -n first -g group-" + c.me + " --query principalId -o tsv",
			"$(CLIENT)": "identity show -n first -g group-" + c.me + " --query clientId -o tsv",
			"$(FIRST)":  "identity show -n first -g group-" + c.me + " --query id -o tsv",
			"$(GROUP)":  "group show -n group-" + c.me + " --query id -o tsv",
		} {
			out, complaint, status := c.start(t, ask)
			if status != 0 {
				t.Fatalf("%s: %s", ask, complaint)
			}
			c.words[name] = strings.TrimSpace(out)
		}
	}
	for name, word := range c.words {
		line = strings.ReplaceAll(line, name, word)
	}
	return line
}

func (c *client) start(t *testing.T, line string) (out, complaint string, status int) {
	t.Helper()
	command := exec.CommandContext(t.Context(), "bash", "-c", `"$0" `+line, c.program)
	command.Env = c.environment
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	err := command.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return stdout.String(), stderr.String(), command.ProcessState.ExitCode()
}

var (
	identifier = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)
	moment     = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?`)
	// What az's Python libraries warn of is no answer of az's.
	readOnly = regexp.MustCompile(`WARNING: Readonly attribute .*\n`)
	tag      = regexp.MustCompile(`"etag": ".*"`)
	disk     = regexp.MustCompile(`_OsDisk_1_[0-9a-f]{8}`)
)

// alike leaves out what has to differ: identifiers (in the same width), times, names of the client and the program.
func (c *client) alike(text string) []string {
	text = strings.ReplaceAll(text, c.me, "<me>")
	text = identifier.ReplaceAllString(text, "00000000-0000-0000-0000-000000000000")
	text = moment.ReplaceAllString(text, "<time>")
	text = tag.ReplaceAllString(text, `"etag": "<etag>"`)
	text = strings.ReplaceAll(strings.ReplaceAll(text, "'lanyard ", "'az "), "ERROR: lanyard ", "ERROR: az ")
	text = disk.ReplaceAllString(text, "_OsDisk_1_00000000")
	text = readOnly.ReplaceAllString(text, "")
	return strings.Split(strings.TrimRight(text, "\n"), "\n")
}
