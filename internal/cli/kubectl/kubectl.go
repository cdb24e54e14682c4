package kubectl

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

// Kubectl runs the real kubectl against one cluster.
type Kubectl struct {
	Program, Kubeconfig string
}

// Run returns what the command printed; input may be a manifest for -f -.
func (k *Kubectl) Run(ctx context.Context, input string, args ...string) (string, error) {
	command := exec.CommandContext(ctx, k.Program, append([]string{"--kubeconfig=" + k.Kubeconfig}, args...)...)
	command.Stdin = strings.NewReader(input)
	var out, complaint bytes.Buffer
	command.Stdout, command.Stderr = &out, &complaint
	if err := command.Run(); err != nil {
		return out.String(), fmt.Errorf("kubectl %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(complaint.String()))
	}
	return out.String(), nil
}

// Apply creates or updates what the manifest says.
func (k *Kubectl) Apply(ctx context.Context, manifest string, args ...string) error {
	_, err := k.Run(ctx, manifest, append([]string{"apply", "-f", "-"}, args...)...)
	return err
}

// WaitFor asks again until the condition holds; what says what is waited for.
func (k *Kubectl) WaitFor(ctx context.Context, limit time.Duration, what string, holds func(output string) bool, args ...string) (string, error) {
	parent := ctx
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for {
		output, err := k.Run(ctx, "", args...)
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

// Follower reads a pod's log as it grows.
type Follower struct {
	mu     sync.Mutex
	lines  []Line
	grown  chan struct{}
	cancel context.CancelFunc
	done   chan struct{}
}

// Line is a line of a log, and when it was read.
type Line struct {
	Text string
	Seen time.Time
}

// Follow starts kubectl logs --follow.
func (k *Kubectl) Follow(ctx context.Context, pod, namespace string) (*Follower, error) {
	ctx, cancel := context.WithCancel(ctx)
	command := exec.CommandContext(ctx, k.Program, "--kubeconfig="+k.Kubeconfig, "logs", pod, "--follow", "--namespace", namespace)
	out, err := command.StdoutPipe()
	if err != nil {
		cancel()
		return nil, err
	}
	if err := command.Start(); err != nil {
		cancel()
		return nil, err
	}
	f := &Follower{grown: make(chan struct{}, 1), cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(f.done)
		f.read(out)
		_ = command.Wait()
	}()
	return f, nil
}

func (f *Follower) read(out io.Reader) {
	for scanner := bufio.NewScanner(out); scanner.Scan(); {
		f.mu.Lock()
		f.lines = append(f.lines, Line{scanner.Text(), time.Now()})
		f.mu.Unlock()
		select {
		case f.grown <- struct{}{}:
		default:
		}
	}
}

// Line waits for a line that was read after since and contains text.
func (f *Follower) Line(ctx context.Context, limit time.Duration, since time.Time, text string) (Line, error) {
	timeout := time.NewTimer(limit)
	defer timeout.Stop()
	for {
		f.mu.Lock()
		for _, l := range f.lines {
			if l.Seen.After(since) && strings.Contains(l.Text, text) {
				f.mu.Unlock()
				return l, nil
			}
		}
		last := ""
		if len(f.lines) > 0 {
			last = f.lines[len(f.lines)-1].Text
		}
		f.mu.Unlock()
		select {
		case <-ctx.Done():
			return Line{}, ctx.Err()
		case <-timeout.C:
			return Line{}, fmt.Errorf("the pod didn't log %q within %s; its last line is %q", text, limit, last)
		case <-f.grown:
		}
	}
}

// Stop ends the following.
func (f *Follower) Stop() {
	f.cancel()
	<-f.done
}
