package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		if errors.Is(err, context.Canceled) {
			err = errors.New("interrupted; what was finished stays")
		}
		fmt.Fprintf(os.Stderr, "build: %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, names []string) error {
	if len(names) == 0 {
		return errors.New("name what to build: kube, tools, or one program of these")
	}
	recipes, err := pick(recipes(), names)
	if err != nil {
		return err
	}
	root, err := repository()
	if err != nil {
		return err
	}
	build := filepath.Join(root, "build")
	if err := os.MkdirAll(build, 0o755); err != nil {
		return fmt.Errorf("making the build folder: %w", err)
	}
	unlock, err := lock(ctx, build)
	if err != nil {
		return err
	}
	defer unlock()
	if err := need(ctx, os.Stderr, recipes); err != nil {
		return err
	}
	return bringUpToDate(ctx, root, build, recipes)
}

// repository finds the repository's root: the nearest folder above with the
// modules of this one in it.
func repository() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("finding the current folder: %w", err)
	}
	for ; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "kube", "go.mod")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", errors.New("call this inside the repository")
		}
	}
}

// lock keeps a second build out until this one ends, for example a test's
// while a demo is being prepared. The kernel drops it with the process.
func lock(ctx context.Context, build string) (unlock func(), err error) {
	f, err := os.OpenFile(filepath.Join(build, ".lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("opening the build lock: %w", err)
	}
	for said := false; ; said = true {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { f.Close() }, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			f.Close()
			return nil, fmt.Errorf("taking the build lock: %w", err)
		}
		if !said {
			fmt.Fprintln(os.Stderr, "another build is running here, waiting for it")
		}
		select {
		case <-ctx.Done():
			f.Close()
			return nil, ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// bringUpToDate compiles those recipes whose programs are not up to date.
func bringUpToDate(ctx context.Context, root, build string, recipes []recipe) error {
	type work struct {
		recipe
		stamp string
	}
	var stale []work
	for _, r := range recipes {
		want, err := stamp(ctx, root, r)
		if err != nil {
			return err
		}
		if !fresh(build, r, want) {
			stale = append(stale, work{r, want})
		}
	}
	if len(stale) == 0 {
		return nil
	}
	if stale[0].module == "k8s.io/kubernetes" {
		fmt.Fprintln(os.Stderr, firstBuild)
	}
	start := time.Now()
	for i, w := range stale {
		p := newProgress(os.Stderr, fmt.Sprintf("[%d/%d] %s: %s", i+1, len(stale), w.name, w.about))
		if err := compile(ctx, root, build, w.recipe, w.stamp, p); err != nil {
			p.end("failed")
			return fmt.Errorf("building %s: %w", w.name, err)
		}
		p.end(size(filepath.Join(build, w.out)))
	}
	fmt.Fprintf(os.Stderr, "built %d programs in %s\n", len(stale), elapsed(time.Since(start)))
	return nil
}

// firstBuild tells what to expect before minutes pass.
const firstBuild = "Building Kubernetes from source. With empty caches: 5 to 10 minutes on two cores,\n" +
	"1.5 GB of module sources and 3 GB of build cache (go env GOMODCACHE GOCACHE), 2.5 GB of memory."

func size(file string) string {
	info, err := os.Stat(file)
	if err != nil {
		return "done"
	}
	return fmt.Sprintf("%.1f MB", float64(info.Size())/1e6)
}
