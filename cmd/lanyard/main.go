// Command lanyard is the command line of the identity cloud.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/lanyard-project/lanyard/internal/cli/command"
	"github.com/lanyard-project/lanyard/internal/cli/groups"
	"github.com/lanyard-project/lanyard/internal/cli/kubelogin"
	"github.com/lanyard-project/lanyard/internal/cli/life"
	"github.com/lanyard-project/lanyard/internal/cli/login"
)

func main() { os.Exit(run(os.Args[1:])) }

func run(line []string) int {
	// Ctrl-C and an ordinary kill take down what was started; a second one ends the
	// program at once, as the default does.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	context.AfterFunc(ctx, stop)

	folder, err := login.DefaultFolder(os.Getenv)
	if err != nil {
		fmt.Fprintln(os.Stderr, "ERROR:", err)
		return 1
	}
	name, table := "lanyard", command.Join(groups.Table(), life.Table(), kubelogin.Table("kubelogin"), command.CompletionCommands(groups.Names), command.ManCommand(), command.FindCommand())
	// kubectl runs a program of this name for `kubectl lanyard`.
	if strings.HasPrefix(filepath.Base(os.Args[0]), "kubectl-lanyard") {
		name, table = "kubectl lanyard", life.Plugin()
	}
	// Kubeconfigs of clusters with Microsoft Entra integration name this program.
	if strings.HasPrefix(filepath.Base(os.Args[0]), "kubelogin") {
		name, table = "kubelogin", kubelogin.Table("")
	}
	program := &command.Program{
		Name: name, Version: version(), Table: table,
		In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Getenv: os.Getenv, Folder: folder,
		Interactive: command.IsTerminal(os.Stdin),
		Color:       command.IsTerminal(os.Stdout) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb",
	}
	return program.Run(ctx, line)
}

// version is what Go recorded of the commit.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" || info.Main.Version == "(devel)" {
		return "v0.0.0-unversioned"
	}
	return info.Main.Version
}
