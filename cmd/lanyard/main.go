// Command lanyard is the command line of the identity cloud.
package main

import (
	"os"

	"github.com/lanyard-project/lanyard/internal/cli/command"
)

func main() { os.Exit(command.Run(os.Args[1:], os.Stdout, os.Stderr)) }
