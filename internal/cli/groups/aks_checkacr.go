package groups

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"

	"github.com/google/uuid"

	"github.com/lanyard-project/lanyard/internal/cli/command"
	"github.com/lanyard-project/lanyard/internal/cli/value"
)

// canipull is the image that tries to sign in to a registry as the node does.
const canipull = "mcr.microsoft.com/aks/canipull:v0.1.0"

// checkACR runs canipull on a node and prints what it finds.
func checkACR(ctx context.Context, c *command.Call) (any, error) {
	kubectl, err := exec.LookPath("kubectl")
	if err != nil {
		return nil, command.Usage("Can not find kubectl executable in PATH")
	}
	config, err := fetchKubeconfig(ctx, c)
	if err != nil {
		return nil, err
	}
	file, err := os.CreateTemp("", "kubeconfig")
	if err != nil {
		return nil, err
	}
	defer os.Remove(file.Name())
	_, err = file.Write(config)
	if closeErr := file.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return nil, err
	}
	name := "canipull-" + uuid.NewString()
	overrides, err := value.Encode(canipullPod(name, c.Get("acr"), c.Get("node-name")))
	if err != nil {
		return nil, err
	}
	run := exec.CommandContext(ctx, kubectl, "run", "--kubeconfig", file.Name(), "--rm", "--quiet", "--image", canipull, //nolint:gosec // kubectl of the PATH
		"--overrides", string(overrides), "-it", name, "--namespace=default")
	output, err := run.CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("Failed to check the ACR: %w Command output: %s", err, bytes.TrimSpace(output)) //nolint:staticcheck // az's text
	}
	fmt.Fprintln(c.Program.Out, string(bytes.TrimRight(output, "\n")))
	return nil, nil
}

func canipullPod(name, registry, node string) *value.Object {
	mount := func(name, path string) any { return value.NewObject("name", name, "mountPath", path) }
	volume := func(name, path string) any {
		return value.NewObject("name", name, "hostPath", value.NewObject("path", path))
	}
	spec := value.NewObject("restartPolicy", "Never", "hostNetwork", true,
		"containers", []any{value.NewObject("securityContext", value.NewObject("runAsUser", value.Int(0)), "name", name, "image", canipull,
			"args", value.Strings([]string{"-v6", registry}), "stdin", true, "stdinOnce", true,
			"volumeMounts", []any{mount("azurejson", "/etc/kubernetes"), mount("sslcerts", "/etc/ssl/certs")})},
		"tolerations", []any{value.NewObject("key", "CriticalAddonsOnly", "operator", "Exists"), value.NewObject("effect", "NoExecute", "operator", "Exists")},
		"volumes", []any{volume("azurejson", "/etc/kubernetes"), volume("sslcerts", "/etc/ssl/certs")},
		"nodeSelector", value.NewObject("kubernetes.io/os", "linux"))
	if node != "" {
		expression := value.NewObject("key", "kubernetes.io/hostname", "operator", "In", "values", []any{node})
		spec.Set("affinity", value.NewObject("nodeAffinity", value.NewObject("requiredDuringSchedulingIgnoredDuringExecution",
			value.NewObject("nodeSelectorTerms", []any{value.NewObject("matchExpressions", []any{expression})}))))
	}
	return value.NewObject("spec", spec)
}
