package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// goBenchmark is a benchmark of a package, which reports two rates.
type goBenchmark struct {
	pkg, name, times       string
	numerator, denominator string // units of the two rates
	// limit is how long it may take; zero is two minutes.
	limit time.Duration
}

// tokenHit compares a token that nmi has with an empty handler in its place.
func (b *bench) tokenHit(ctx context.Context) ([]row, error) {
	rates, err := b.run(ctx, goBenchmark{
		pkg: "internal/node/lab", name: "BenchmarkTokenHitVsNoop", times: "10x", numerator: "token_hit_rps", denominator: "noop_rps",
	})
	if err != nil {
		return nil, err
	}
	return []row{newRow(tokenHitVsNoop, ratio, rates[0], rates[1],
		"requests/s from a pod's namespace through nft: cached token / empty handler")}, nil
}

// mint compares a managed identity's new token with nothing but a signature.
func (b *bench) mint(ctx context.Context) ([]row, error) {
	rates, err := b.run(ctx, goBenchmark{
		pkg: "internal/entra", name: "BenchmarkManagedIdentityToken", times: "5s", numerator: "mint_rps", denominator: "rsa2048_rps",
	})
	if err != nil {
		return nil, err
	}
	return []row{newRow(mintVsRSA2048, ratio, rates[0], rates[1],
		"per second: managed identity token with its assertion and record / bare RSA-2048 signature")}, nil
}

// cachedIdentityToken compares a managed identity's token that the metadata service
// has with an empty handler in its place.
func (b *bench) cachedIdentityToken(ctx context.Context) ([]row, error) {
	rates, err := b.run(ctx, goBenchmark{
		pkg: "internal/imdsserver", name: "BenchmarkCachedToken", times: "2s", numerator: "cached_rps", denominator: "noop_rps",
	})
	if err != nil {
		return nil, err
	}
	return []row{newRow(cachedVsNoop, ratio, rates[0], rates[1],
		"requests/s of a machine for a managed identity's token: cached, decided, recorded / empty handler")}, nil
}

// follows measures how soon another lanyardd decides by a role assignment.
func (b *bench) follows(ctx context.Context) ([]row, error) {
	values, err := b.report(ctx, goBenchmark{pkg: "internal/providers", name: "BenchmarkIndexFollowsAWriteElsewhere", times: "200x"})
	if err != nil {
		return nil, err
	}
	return []row{newRow(indexFollows, seconds, values["lag_p50_ms"]*1e-3, 1, "assignment written to another process's decision by it, median")}, nil
}

// serving measures what pods feel of nmi besides the rate of tokens that it has.
func (b *bench) serving(ctx context.Context) ([]row, error) {
	values, err := b.report(ctx, goBenchmark{pkg: "internal/node/lab", name: "BenchmarkServing", times: "1x"})
	if err != nil {
		return nil, err
	}
	const micro = 1e-6
	return []row{
		newRow(tokenHitFlat, ratio, values["hit_rps_5000_identities"], values["hit_rps_1_identity"], "requests/s of a cached token: 5,000 assigned identities on the node / one"),
		newRow(connectionP50, seconds, values["connection_added_p50_us"]*micro, 1, "what nmi adds to a new connection with a token over one with an empty handler, median"),
		newRow(connectionP99, seconds, values["connection_added_p99_us"]*micro, 1, "the same, difference of the 99th percentiles"),
		newRow(coldToken, seconds, values["cold_added_p50_us"]*micro, 1, "what nmi adds to the metadata service's own time, median"),
		newRow(assignedToToken, seconds, values["first_token_worst_us"]*micro, 1, "assignment written to token received by a pod that waits, slowest of 20"),
		newRow(agentMemory, mebibytes, values["rss_mib"], 1, "resident memory of nmi with 250 pods"),
	}, nil
}

// besides compares nmi with another agent, if there is one (PEER_NMI).
func (b *bench) besides(ctx context.Context) ([]row, error) {
	if os.Getenv("PEER_NMI") == "" {
		return nil, nil
	}
	values, err := b.report(ctx, goBenchmark{pkg: "internal/node/lab", name: "BenchmarkOtherAgent", times: "1x"})
	if err != nil {
		return nil, err
	}
	const micro = 1e-6
	return []row{
		newRow(tokenVsPeer, ratio, values["our_rps"], values["their_rps"], "requests/s of one pod for a token, 100 pods and identities on the node: nmi / the agent of PEER_NMI"),
		newRow(tokenCostVsPeer, ratio, values["our_cpu_us"]*micro, values["their_cpu_us"]*micro, "processor seconds of such a request: nmi / the other agent"),
		newRow(connectionVsPeer, ratio, values["our_connection_p50_us"]*micro, values["their_connection_p50_us"]*micro, "seconds to a token on a new connection, median: nmi / the other agent"),
		newRow(memoryVsPeer, ratio, values["our_rss_mib"], values["their_rss_mib"], "resident MiB: nmi / the other agent"),
	}, nil
}

// run gives the two rates of a benchmark.
func (b *bench) run(ctx context.Context, g goBenchmark) ([2]float64, error) {
	rates, err := b.report(ctx, g)
	if err != nil {
		return [2]float64{}, err
	}
	result := [2]float64{rates[g.numerator], rates[g.denominator]}
	if result[0] <= 0 || result[1] <= 0 {
		return [2]float64{}, fmt.Errorf("%s didn't report %s and %s", g.name, g.numerator, g.denominator)
	}
	return result, nil
}

// report builds the package's tests and runs the one benchmark.
func (b *bench) report(ctx context.Context, g goBenchmark) (map[string]float64, error) {
	fmt.Fprintf(b.progress, "building and running %s of %s\n", g.name, g.pkg)
	folder, err := os.MkdirTemp(b.cloud.Build, "gobench-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(folder)
	program := filepath.Join(folder, "test")
	// The flags of make test: its compiled packages are used again.
	build := exec.CommandContext(ctx, "go", "test", "-c", "-trimpath", "-buildvcs=false", "-o", program, "./"+g.pkg)
	build.Env = append(os.Environ(), "GOFLAGS=")
	if output, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("building the tests of %s: %w: %s", g.pkg, err, output)
	}
	// It cleans up only at its own end, seconds from now: a Ctrl-C doesn't reach
	// it and waits.
	limit := cmp.Or(g.limit, 2*time.Minute)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit+time.Minute)
	defer cancel()
	test := exec.CommandContext(ctx, program, "-test.run=^$", "-test.bench=^"+g.name+"$", "-test.benchtime="+g.times, "-test.timeout="+limit.String())
	test.Dir = g.pkg
	test.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	output, err := test.CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("running %s of %s: %w: %s", g.name, g.pkg, err, output)
	}
	values := metrics(string(output), g.name)
	if len(values) == 0 {
		return nil, fmt.Errorf("%s reported nothing: %s", g.name, output)
	}
	return values, nil
}

// metrics reads a benchmark's line, "BenchmarkName-2  10  0.7 some_unit  12 other_unit",
// into values by unit. https://go.dev/design/14313-benchmark-format
func metrics(output, name string) map[string]float64 {
	values := map[string]float64{}
	for line := range strings.Lines(output) {
		fields := strings.Fields(line)
		if len(fields) < 4 {
			continue
		}
		if full, _, _ := strings.Cut(fields[0], "-"); full != name {
			continue
		}
		for i := 2; i+1 < len(fields); i += 2 {
			if value, err := strconv.ParseFloat(fields[i], 64); err == nil {
				values[fields[i+1]] = value
			}
		}
	}
	return values
}
