package life

import (
	"errors"
	"path/filepath"

	"github.com/lanyard-project/lanyard/internal/cli/command"
	"github.com/lanyard-project/lanyard/internal/cli/grammar"
	"github.com/lanyard-project/lanyard/internal/cli/local"
)

// Table is all commands of this package.
func Table() command.Table {
	return command.Join(demoCommand(), upCommand(), downCommand(), statusCommand(), logsCommand(), envCommand(), azCommand(), doctorCommand(), whyCommand(), tokenCommand(), bindingsCommand(), migrateCommand(), clockCommand())
}

const defaultListen = "127.0.0.1:8443"

// cloudArguments name a cloud on this machine.
func cloudArguments() []argument {
	return []argument{
		grammar.Arg("--dir --data-dir", "Folder for all state; $LANYARD_DIR, or demo in the build folder."),
		grammar.Arg("--build-dir", "Folder of the programs that make built; the one that this program is in, or build."),
		grammar.Arg("--listen", "Loopback address of ARM and the token service; that of the cloud which runs, or "+defaultListen+"."),
	}
}

// cloudOf is the cloud that the command line means.
func cloudOf(c *command.Call) (*local.Cloud, error) {
	build, err := buildFolder(c.Get("build-dir"))
	if err != nil {
		return nil, err
	}
	dir := c.Get("dir")
	if dir == "" {
		dir = c.Program.Getenv("LANYARD_DIR")
	}
	if dir == "" {
		dir = filepath.Join(build, "demo")
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return nil, err
	}
	cloud := &local.Cloud{Dir: dir, Build: build, Listen: c.Get("listen")}
	if cloud.Listen == "" {
		cloud.Listen = cloud.RunsAt()
	}
	if cloud.Listen == "" {
		cloud.Listen = defaultListen
	}
	return cloud, nil
}

// running is the cloud of the command line, which has to run.
func running(c *command.Call) (*local.Cloud, error) {
	cloud, err := cloudOf(c)
	if err != nil {
		return nil, err
	}
	if cloud.RunsAt() == "" {
		return nil, errors.New("no cloud runs in " + cloud.Dir + ": start it with `lanyard up`")
	}
	return cloud, nil
}

// kubeconfigOf is the kubeconfig in the cloud's folder, "" when there is none.
func kubeconfigOf(cloud *local.Cloud) string {
	if file := filepath.Join(cloud.Dir, "kubeconfig"); exists(file) {
		return file
	}
	return ""
}
