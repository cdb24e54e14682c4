package life

import (
	"path/filepath"

	"github.com/lanyard-project/lanyard/internal/cli/command"
	"github.com/lanyard-project/lanyard/internal/cli/grammar"
	"github.com/lanyard-project/lanyard/internal/cli/local"
)

// Table is all commands of this package.
func Table() command.Table {
	return command.Join(demoCommand(), downCommand())
}

type argument = grammar.Argument

// cloudArguments name a cloud on this machine.
func cloudArguments() []argument {
	return []argument{
		grammar.Arg("--dir --data-dir", "Folder for all state.").Or("build/demo"),
		grammar.Arg("--build-dir", "Folder of the programs that make built.").Or("build"),
		grammar.Arg("--listen", "Loopback address of ARM and the token service.").Or("127.0.0.1:8443"),
	}
}

func cloudOf(c *command.Call) (*local.Cloud, error) {
	dir, err := filepath.Abs(c.Get("dir"))
	if err != nil {
		return nil, err
	}
	build, err := filepath.Abs(c.Get("build-dir"))
	if err != nil {
		return nil, err
	}
	return &local.Cloud{Dir: dir, Build: build, Listen: c.Get("listen")}, nil
}
