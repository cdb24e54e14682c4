package main

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
)

// kubernetesVersion asks the programs in the folder which release they are, and
// returns it without its "v".
func kubernetesVersion(ctx context.Context, kubeDir string) (string, error) {
	program := filepath.Join(kubeDir, "kube-apiserver")
	out, err := exec.CommandContext(ctx, program, "--version").Output()
	if err != nil {
		return "", fmt.Errorf("asking %s for its version: %w; are the Kubernetes programs built (make kube)?", program, err)
	}
	version, ok := strings.CutPrefix(strings.TrimSpace(string(out)), "Kubernetes v")
	if !ok {
		return "", fmt.Errorf("%s calls itself %q, which isn't a release of Kubernetes", program, strings.TrimSpace(string(out)))
	}
	return version, nil
}

// kubernetesVersions are the folders by the version of their programs.
func kubernetesVersions(ctx context.Context, dirs []string) (map[string]string, error) {
	byVersion := map[string]string{}
	for _, dir := range dirs {
		version, err := kubernetesVersion(ctx, dir)
		if err != nil {
			return nil, err
		}
		byVersion[version] = dir
	}
	return byVersion, nil
}
