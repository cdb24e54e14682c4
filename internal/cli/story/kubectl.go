package story

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"sync"
	"time"
)

// kubectl runs the real kubectl against one cluster.
type kubectl struct {
	program, kubeconfig string
}

// run returns what the command printed; input may be a manifest for -f -.
func (k *kubectl) run(ctx context.Context, input string, args ...string) (string, error) {
	command := exec.CommandContext(ctx, k.program, append([]string{"--kubeconfig=" + k.kubeconfig}, args...)...)
	command.Stdin = strings.NewReader(input)
	var out, complaint bytes.Buffer
	command.Stdout, command.Stderr = &out, &complaint
	if err := command.Run(); err != nil {
		return out.String(), fmt.Errorf("kubectl %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(complaint.String()))
	}
	return out.String(), nil
}

// apply creates or updates what the manifest says.
func (k *kubectl) apply(ctx context.Context, manifest string, args ...string) error {
	_, err := k.run(ctx, manifest, append([]string{"apply", "-f", "-"}, args...)...)
	return err
}

// waitFor asks again until the condition holds; what says what is waited for.
func (k *kubectl) waitFor(ctx context.Context, limit time.Duration, what string, holds func(output string) bool, args ...string) (string, error) {
	parent := ctx
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for {
		output, err := k.run(ctx, "", args...)
		if err == nil && holds(output) {
			return output, nil
		}
		select {
		case <-parent.Done():
			return output, parent.Err()
		case <-ctx.Done():
			return output, errors.Join(fmt.Errorf("%s didn't come within %s; kubectl %s says %q", what, limit, strings.Join(args, " "), strings.TrimSpace(output)), err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// follower reads a pod's log as it grows.
type follower struct {
	mu     sync.Mutex
	lines  []logLine
	grown  chan struct{}
	cancel context.CancelFunc
	done   chan struct{}
}

type logLine struct {
	text string
	seen time.Time
}

// follow starts kubectl logs --follow.
func (k *kubectl) follow(ctx context.Context, pod, namespace string) (*follower, error) {
	ctx, cancel := context.WithCancel(ctx)
	command := exec.CommandContext(ctx, k.program, "--kubeconfig="+k.kubeconfig, "logs", pod, "--follow", "--namespace", namespace)
	out, err := command.StdoutPipe()
	if err != nil {
		cancel()
		return nil, err
	}
	if err := command.Start(); err != nil {
		cancel()
		return nil, err
	}
	f := &follower{grown: make(chan struct{}, 1), cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(f.done)
		f.read(out)
		_ = command.Wait()
	}()
	return f, nil
}

func (f *follower) read(out io.Reader) {
	for scanner := bufio.NewScanner(out); scanner.Scan(); {
		f.mu.Lock()
		f.lines = append(f.lines, logLine{scanner.Text(), time.Now()})
		f.mu.Unlock()
		select {
		case f.grown <- struct{}{}:
		default:
		}
	}
}

// line waits for a line that was read after since and contains text.
func (f *follower) line(ctx context.Context, limit time.Duration, since time.Time, text string) (logLine, error) {
	timeout := time.NewTimer(limit)
	defer timeout.Stop()
	for {
		f.mu.Lock()
		for _, l := range f.lines {
			if l.seen.After(since) && strings.Contains(l.text, text) {
				f.mu.Unlock()
				return l, nil
			}
		}
		last := ""
		if len(f.lines) > 0 {
			last = f.lines[len(f.lines)-1].text
		}
		f.mu.Unlock()
		select {
		case <-ctx.Done():
			return logLine{}, ctx.Err()
		case <-timeout.C:
			return logLine{}, fmt.Errorf("the pod didn't log %q within %s; its last line is %q", text, limit, last)
		case <-f.grown:
		}
	}
}

func (f *follower) stop() {
	f.cancel()
	<-f.done
}
