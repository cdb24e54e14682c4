package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"runtime"

	"k8s.io/utils/clock"

	"github.com/lanyard-project/lanyard/internal/node/hook"
	"github.com/lanyard-project/lanyard/internal/node/redirect"
)

// InstallRules puts the redirect in place and does nothing else: pods that ask before the agent runs are refused.
func InstallRules(c Config, log *slog.Logger) error {
	if c.Cgroups.Namespace == "" {
		return install(c, log)
	}
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread, which changes its namespace, ends with the goroutine
		err := redirect.EnterCgroupNamespace(c.Cgroups.Namespace)
		if err == nil {
			err = install(c, log)
		}
		done <- err
	}()
	return <-done
}

func install(c Config, log *slog.Logger) error {
	config, err := c.redirectConfig()
	if err != nil {
		return fmt.Errorf("preparing the redirect: %w", err)
	}
	if err := redirect.Install(config); err != nil {
		return err
	}
	if c.Attestation == ByEBPF {
		mount, err := c.Cgroups.mount()
		if err != nil {
			return err
		}
		if err := installHooks(c, filepath.Join(mount, config.Kubepods.Path)); err != nil {
			return err
		}
		log.Info("hooks installed", "folder", c.HookFolder, "cgroup", config.Kubepods.Path)
	}
	log.Info("redirect installed", "metadata", config.Metadata, "agent", config.Agent,
		"kubepods", config.Kubepods.Path, "level", config.Kubepods.Level)
	if config.Kubepods.Level == 0 {
		log.Warn("pods in the node's network are not held back: they reach the metadata service as the node")
	}
	return nil
}

// openRules takes over a redirect that is in place, or installs it.
func openRules(c Config, log *slog.Logger) (*redirect.Bindings, error) {
	config, err := c.openConfig()
	if err != nil {
		return nil, fmt.Errorf("preparing the redirect: %w", err)
	}
	bindings, err := redirect.Open(config)
	if errors.Is(err, redirect.ErrNotInstalled) {
		if err := InstallRules(c, log); err != nil {
			return nil, err
		}
		return redirect.Open(config)
	}
	if err == nil {
		log.Info("redirect taken over", "agent", config.Agent)
	}
	return bindings, err
}

// confirm tells the kernel again and again that the bindings hold, where they would be forgotten otherwise.
func confirm(ctx context.Context, clk clock.Clock, bindings *redirect.Bindings, log *slog.Logger) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-clk.After(redirect.ConfirmEvery):
		}
		if err := bindings.Confirm(); err != nil {
			log.Error("confirming the bindings failed: they are forgotten soon", "error", err)
		}
	}
}

// RemoveRules takes the redirect away, for an uninstaller.
func RemoveRules(c Config, log *slog.Logger) error {
	if c.Attestation == ByEBPF {
		if err := hook.Remove(c.HookFolder); err != nil {
			return err
		}
	}
	if err := redirect.Remove(redirect.Config{Agent: c.Agent}); err != nil {
		return err
	}
	log.Warn("redirect removed: pods reach the metadata service as the node")
	return nil
}
