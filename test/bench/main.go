// Command bench measures what the project promises about speed, prints a table
// and writes it as JSON: a list of {name, value, unit, numerator, denominator}.
//
// A ratio compares two rates of the same run, so that it says the same on a slow
// and on a fast machine; a time is what this machine needs. Nothing is judged
// here: the exit status tells only whether every row could be measured and
// everything was taken down again.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/lanyard-project/lanyard/internal/cli/local"
)

// bench is one run.
type bench struct {
	cloud *local.Cloud
	chart string
	// resources are how many the rows about many are of, growing.
	resources []int
	// only names the parts that are measured; empty means all.
	only string
	// progress is where the user sees how far the run is.
	progress io.Writer
}

func main() {
	out := flag.String("out", "build/bench.json", "file for the rows")
	build := flag.String("build-dir", "build", "folder of the programs that make built")
	dir := flag.String("dir", "build/bench", "folder for the state of the cloud")
	listen := flag.String("listen", "127.0.0.1:8445", "loopback address of ARM and the token service")
	chart := flag.String("chart", "charts/lanyard", "Helm chart of mic and nmi")
	resources := flag.String("arm-resources", "10000,100000", "how many resources the rows of ARM with many are of; 100000 take minutes")
	only := flag.String("only", "", "measure one part only: arm, registry, nmi, mic, sts, pods or clusters")
	noop := flag.String("noop", "", "be the empty handler that others are compared with; a folder for its certificate")
	flag.Parse()
	many, err := counts(*resources)
	if err != nil {
		fmt.Fprintf(os.Stderr, "ERROR: %v\n", err)
		os.Exit(2)
	}
	if *noop != "" {
		fmt.Fprintln(os.Stderr, serveNoop(*noop))
		os.Exit(1)
	}

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	interrupted := context.AfterFunc(ctx, func() {
		stop() // a second Ctrl-C ends the program at once
		fmt.Fprintln(os.Stderr, "interrupted: what runs comes to its end and cleans up, which takes seconds")
	})
	err = run(ctx, *out, *build, *dir, *listen, bench{chart: *chart, resources: many, only: *only, progress: os.Stderr})
	interrupted()
	stop()
	if err != nil {
		fmt.Fprintf(os.Stderr, "ERROR: %v\n", err)
		os.Exit(1)
	}
}

// counts reads growing numbers, "10000,100000".
func counts(text string) ([]int, error) {
	var out []int
	for one := range strings.SplitSeq(text, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(one))
		if err != nil || n < 1 || len(out) > 0 && n <= out[len(out)-1] {
			return nil, fmt.Errorf("-arm-resources wants growing numbers, as 10000,100000, not %q", text)
		}
		out = append(out, n)
	}
	return out, nil
}

func run(ctx context.Context, out, build, dir, listen string, b bench) error {
	build, err := filepath.Abs(build)
	if err != nil {
		return err
	}
	dir, err = filepath.Abs(dir)
	if err != nil {
		return err
	}
	if err := local.Preflight(ctx, os.Stderr); err != nil {
		return err
	}
	if err := local.CheckPrograms(build); err != nil {
		return err
	}
	b.cloud = &local.Cloud{Dir: dir, Build: build, Listen: listen}
	release, err := b.cloud.Claim()
	if err != nil {
		return err
	}
	defer release()
	rows, err := b.measure(ctx)
	if err := printTable(os.Stdout, rows); err != nil {
		return err
	}
	if b.only == "" {
		err = errors.Join(err, missing(rows))
	}
	return errors.Join(err, writeJSON(out, rows))
}

// measure goes on after a failure: the other rows are worth having.
func (b *bench) measure(ctx context.Context) ([]row, error) {
	var rows []row
	var errs []error
	for _, part := range []struct {
		name    string
		measure func(context.Context) ([]row, error)
	}{{"nmi", b.tokenHit}, {"nmi", b.serving}, {"nmi", b.besides}, {"mic", b.scale}, {"mic", b.growth}, {"sts", b.mint}, {"sts", b.cachedIdentityToken}, {"arm", b.arm}, {"arm", b.follows}, {"registry", b.registry}, {"pods", b.podsToToken}, {"clusters", b.manyUp}} {
		if b.only != "" && b.only != part.name {
			continue
		}
		if err := ctx.Err(); err != nil {
			return rows, errors.Join(append(errs, err)...)
		}
		more, err := part.measure(ctx)
		rows, errs = append(rows, more...), append(errs, err)
	}
	return rows, errors.Join(errs...)
}
