package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// compile makes the program of one recipe and puts it, its links and its stamp
// in their places. It tells progress about every package that it compiles.
func compile(ctx context.Context, root, build string, r recipe, want string, p *progress) error {
	dir := filepath.Join(root, r.dir)
	rel, err := releaseOf(ctx, dir, r)
	if err != nil {
		return err
	}
	out := filepath.Join(build, r.out)
	if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil {
		return fmt.Errorf("making the output folder: %w", err)
	}
	// Beside its final name, so that the rename below is one step and a running
	// program of an earlier build is not written over.
	part := out + ".part"
	defer os.Remove(part)
	flags := r.flags(rel)
	stale, err := countStale(ctx, dir, r, flags, p)
	if err != nil {
		return err
	}
	p.expect(stale)
	args := append([]string{"build", "-v", "-o", part}, flags...)
	if _, err := runGo(ctx, dir, r.env(), append(args, r.pkg), p); err != nil {
		return err
	}
	if err := os.Rename(part, out); err != nil {
		return fmt.Errorf("putting %s in place: %w", r.name, err)
	}
	for _, link := range r.links {
		if err := symlink(filepath.Base(out), filepath.Join(filepath.Dir(out), link)); err != nil {
			return err
		}
	}
	file := stampFile(build, r)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return fmt.Errorf("making the stamp folder: %w", err)
	}
	if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
		return fmt.Errorf("writing the stamp: %w", err)
	}
	return nil
}

func symlink(to, at string) error {
	if err := os.Remove(at); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("replacing the link %s: %w", at, err)
	}
	if err := os.Symlink(to, at); err != nil {
		return fmt.Errorf("linking %s: %w", at, err)
	}
	return nil
}

// releaseOf asks the module in dir which release of the recipe's module it requires.
func releaseOf(ctx context.Context, dir string, r recipe) (release, error) {
	module := r.module
	if module == "" {
		return release{}, nil
	}
	args := append([]string{"list", "-m", "-json"}, r.requirements()...)
	cmd := exec.CommandContext(ctx, "go", append(args, module)...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "GOFLAGS=", "GOWORK=off")
	cmd.Stderr = os.Stderr
	answer, err := cmd.Output()
	if err != nil {
		return release{}, fmt.Errorf("asking for the release of %s: %w", module, err)
	}
	var m struct {
		Version string
		Time    time.Time
	}
	if err := json.Unmarshal(answer, &m); err != nil {
		return release{}, fmt.Errorf("reading the release of %s: %w", module, err)
	}
	return release{version: m.Version, time: m.Time}, nil
}

// countStale tells how many packages the build will compile: those of the
// program that the build cache doesn't hold. On the way it fetches the modules.
func countStale(ctx context.Context, dir string, r recipe, flags []string, p *progress) (int, error) {
	args := append([]string{"list", "-deps", "-f", "{{if .Stale}}{{.ImportPath}}{{end}}"}, flags...)
	out, err := runGo(ctx, dir, r.env(), append(args, r.pkg), p)
	if err != nil {
		return 0, err
	}
	return len(strings.Fields(out)), nil
}

// runGo runs the go command, reads its progress and returns its output. What
// it says beside its progress becomes part of the error.
func runGo(ctx context.Context, dir string, env, args []string, p *progress) (string, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	var out strings.Builder
	cmd.Stdout = &out
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	// A group of its own: an interrupt reaches the compilers once, through us,
	// and the go command tidies its work folder before it ends.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGINT) }
	cmd.WaitDelay = 10 * time.Second
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return "", fmt.Errorf("opening the go command's output: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return "", fmt.Errorf("starting the go command: %w", err)
	}
	said := read(stderr, p)
	if err := cmd.Wait(); err != nil {
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		return "", fmt.Errorf("go %s in %s: %w\n%s", strings.Join(args, " "), dir, err, said)
	}
	return out.String(), nil
}

// read follows the lines of "go build -v": one package a line as it is
// compiled, downloads, and complaints, which it returns.
func read(from io.Reader, p *progress) string {
	var said strings.Builder
	lines := bufio.NewScanner(from)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := lines.Text()
		switch {
		case strings.HasPrefix(line, "go: downloading "):
			p.downloaded()
		case line != "" && !strings.ContainsAny(line, " \t#"):
			p.compiled()
		default:
			said.WriteString(line + "\n")
		}
	}
	return said.String()
}
