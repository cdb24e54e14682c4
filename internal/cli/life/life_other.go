//go:build !linux

package life

import (
	"context"
	"fmt"
	"runtime"

	"github.com/lanyard-project/lanyard/internal/cli/command"
)

// Table is all commands of this package. Those about the cloud of this machine say why
// there is none here, and what to do.
func Table() command.Table {
	table := command.Join(whyCommand(), tokenCommand(), bindingsCommand(), migrateCommand(), command.Table{
		Groups: []command.Group{{Path: "clock", Summary: "The clock of the cloud on this machine."}},
	})
	for path, summary := range map[string]string{
		"up": "Start the cloud on this machine.", "down": "Stop the cloud on this machine.", "demo": "Tell the main job.",
		"status": "Show the cloud on this machine.", "logs": "Show the log of the cloud on this machine.", "env": "Print the environment that other programs need.",
		"az": "Run the real az.", "doctor": "Check this machine.", "clock show": "Show the cloud's time.", "clock move": "Move the cloud's time forward.",
	} {
		table.Commands = append(table.Commands, &command.Command{
			Path: path, Summary: summary + " Only on Linux.", Raw: true,
			Run: func(context.Context, *command.Call) (any, error) {
				return nil, fmt.Errorf("a cloud of one's own runs on Linux, and this is %s. Run `lanyard %s` on a Linux machine; from here use that cloud with `lanyard cloud register --name mine --endpoint-resource-manager https://HOST:PORT --certificate-authority ca.crt`", runtime.GOOS, path)
			},
		})
	}
	return table
}
