package life

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"github.com/lanyard-project/lanyard/internal/cli/command"
	"github.com/lanyard-project/lanyard/internal/cli/grammar"
)

func envCommand() command.Table {
	return command.Table{Commands: []*command.Command{{
		Path: "env", Summary: "Print the environment that other programs need, or run one in it.",
		Details: "For Azure SDKs, Terraform, az, kubectl. It holds a secret.",
		Arguments: append(cloudArguments(),
			grammar.Arg("--shell", "Form of the output.").Choices("bash", "fish", "powershell", "dotenv").Or("bash"),
			grammar.List("command", "Program to run, with its arguments, after --.").Of(grammar.Any)),
		Examples: []command.Example{
			{Title: "Set it in this shell.", Line: `eval "$(lanyard env)"`},
			{Title: "Run Terraform against the cloud.", Line: "lanyard env -- terraform apply"},
			{Title: "Write a file for a tool that reads such files.", Line: "lanyard env --shell dotenv > .env"},
		},
		Run: func(ctx context.Context, c *command.Call) (any, error) {
			cloud, err := running(c)
			if err != nil {
				return nil, err
			}
			variables, err := cloud.Environment(kubeconfigOf(cloud))
			if err != nil {
				return nil, err
			}
			if words := c.List("command"); len(words) > 0 {
				return nil, runIn(ctx, c, variables, words)
			}
			for _, v := range variables {
				fmt.Fprintln(c.Program.Out, export(c.Get("shell"), v[0], v[1]))
			}
			return nil, nil
		},
	}}}
}

// export is one line that sets a variable.
func export(shell, name, v string) string {
	single := "'" + strings.ReplaceAll(v, "'", `'\''`) + "'"
	switch shell {
	case "fish":
		return "set -gx " + name + " '" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(v) + "';"
	case "powershell":
		return "$env:" + name + " = '" + strings.ReplaceAll(v, "'", "''") + "'"
	case "dotenv":
		return name + "=" + v
	}
	return "export " + name + "=" + single
}

// runIn runs a program with further variables and ends as it ends.
func runIn(ctx context.Context, c *command.Call, variables [][2]string, words []string) error {
	run := exec.CommandContext(ctx, words[0], words[1:]...) //nolint:gosec // the user says what to run
	run.Env = os.Environ()
	for _, v := range variables {
		run.Env = append(run.Env, v[0]+"="+v[1])
	}
	run.Stdin, run.Stdout, run.Stderr = os.Stdin, c.Program.Out, c.Program.Err
	err := run.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return command.ExitStatus(exit.ExitCode())
	}
	return err
}
