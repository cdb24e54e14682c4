//go:build e2e

package e2e_test

import (
	_ "embed" // the runner of page lines
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/lanyard-project/lanyard/test/e2e/rig"
)

//go:embed testdata/seeds/page.sh
var pageRunner string

// TestSeedsWithLanyard runs the command lines of each seed page in their order, as printed there, with lanyard in the
// place of az.
func TestSeedsWithLanyard(t *testing.T) {
	cloud := rig.Start(t, "--registration-time=0s")
	pages(t, cloud, "lanyard", append(cloud.Lanyard(t), "TERRAFORM="+cloud.TerraformProgram(t)), "testdata/seeds/*.txt")
}

// TestPodIdentityPageWithAz runs seed 003 with the real az: its extension comes from the cloud.
func TestPodIdentityPageWithAz(t *testing.T) {
	cloud := rig.Start(t, "--registration-time=0s")
	pages(t, cloud, "az", cloud.Az(t).Environment(), "testdata/seeds/003.txt")
}

// TestCommandsOnACluster runs what needs a cluster of lanyard's commands and is on no seed page; the others are tested in
// cmd/lanyard.
func TestCommandsOnACluster(t *testing.T) {
	cloud := rig.Start(t, "--registration-time=0s")
	pages(t, cloud, "lanyard", cloud.Lanyard(t), "testdata/commands/*.txt")
}

// pages runs scripts one after the other, with the program that az stands for.
func pages(t *testing.T, cloud *rig.Cloud, program string, environment []string, pattern string) {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts at %s: %v", pattern, err)
	}
	configurations, err := filepath.Abs("testdata/terraform")
	if err != nil {
		t.Fatal(err)
	}
	testscript.RunT(sequential{t}, testscript.Params{
		Files: files, ContinueOnError: false, RequireExplicitExec: true,
		Setup: func(e *testscript.Env) error {
			for _, v := range environment {
				name, value, _ := strings.Cut(v, "=")
				e.Setenv(name, value)
			}
			e.Setenv("PATH", strings.Join([]string{filepath.Join(cloud.Build, "bin"), filepath.Join(cloud.Build, "kube"), filepath.Join(cloud.Build, "tools"), e.Getenv("PATH")}, ":"))
			e.Setenv("PROGRAM", program)
			e.Setenv("CONFIGURATIONS", configurations)
			e.Setenv("CHARTS", cloud.Origin()+"/charts")
			e.Setenv("CHART_SETTINGS", strings.Join(cloud.ChartSettings(), " "))
			e.Setenv("KUBECONFIG", filepath.Join(e.WorkDir, "kubeconfig"))
			return nil
		},
		// [NAME] asks whether the environment has a value for NAME.
		Condition: func(name string) (bool, error) {
			return slices.ContainsFunc(environment, func(v string) bool {
				value, is := strings.CutPrefix(v, name+"=")
				return is && value != ""
			}), nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"page": page, "kubectl": kubectlLine, "logs": podLogs},
	})
}

// page runs a file of the script with the shell, in the state that earlier ones left.
func page(script *testscript.TestScript, refused bool, args []string) {
	outcome(script, refused, script.Exec("bash", append([]string{"-c", pageRunner, "page"}, args...)...))
}

func kubectlLine(script *testscript.TestScript, refused bool, args []string) {
	outcome(script, refused, script.Exec("kubectl", args...))
}

func outcome(script *testscript.TestScript, refused bool, err error) {
	if (err != nil) != refused {
		script.Fatalf("refused: %v, want %v: %v", err != nil, refused, err)
	}
}

// podLogs waits for a line in the logs of pod demo in namespace my-app.
func podLogs(script *testscript.TestScript, _ bool, args []string) {
	line := regexp.MustCompile(args[0])
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Second) {
		err := script.Exec("kubectl", "logs", "demo", "--namespace", "my-app")
		if err == nil && line.MatchString(script.ReadFile("stdout")) {
			return
		}
		if time.Now().After(deadline) {
			script.Fatalf("pod demo doesn't say %s", args[0])
		}
	}
}

// sequential runs scripts one after the other: they share a cloud, and the machine.
type sequential struct{ *testing.T }

// Parallel is what testscript asks for.
func (s sequential) Parallel() {}

// Run runs one script.
func (s sequential) Run(name string, script func(testscript.T)) {
	s.T.Run(name, func(t *testing.T) { script(sequential{t}) })
}

// Verbose is as go test has it.
func (s sequential) Verbose() bool { return testing.Verbose() }
