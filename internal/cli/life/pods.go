package life

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/lanyard-project/lanyard/internal/cli/command"
	"github.com/lanyard-project/lanyard/internal/cli/value"
)

// bindingLabel is the pod label whose value selects bindings.
const bindingLabel = "aadpodidbinding"

// bound is an identity that a pod may use, and the binding that says so.
type bound struct{ name, namespace, binding, selector, clientID, resourceID string }

// kubectlOf finds kubectl: in the PATH, or beside the programs of the cloud.
func kubectlOf(c *command.Call) (string, error) {
	if program, err := exec.LookPath("kubectl"); err == nil {
		return program, nil
	}
	if build, err := buildFolder(""); err == nil && exists(filepath.Join(build, "kube", "kubectl")) {
		return filepath.Join(build, "kube", "kubectl"), nil
	}
	return "", errors.New("kubectl isn't installed")
}

// kube runs kubectl with the user's own kubeconfig and context.
func kube(ctx context.Context, c *command.Call, args ...string) ([]byte, error) {
	return kubeInput(ctx, c, nil, args...)
}

func kubeInput(ctx context.Context, c *command.Call, input []byte, args ...string) ([]byte, error) {
	program, err := kubectlOf(c)
	if err != nil {
		return nil, err
	}
	run := exec.CommandContext(ctx, program, args...) //nolint:gosec // kubectl of the PATH
	run.Env, run.Stdin = os.Environ(), bytes.NewReader(input)
	var out, complaint bytes.Buffer
	run.Stdout, run.Stderr = &out, &complaint
	if err := run.Run(); err != nil {
		return nil, fmt.Errorf("kubectl %s: %w: %s", strings.Join(args, " "), err, bytes.TrimSpace(complaint.Bytes()))
	}
	return out.Bytes(), nil
}

func kubeObject(ctx context.Context, c *command.Call, args ...string) (*value.Object, error) {
	data, err := kube(ctx, c, append(args, "-o", "json")...)
	if err != nil {
		return nil, err
	}
	v, err := value.Decode(data)
	o, _ := v.(*value.Object)
	return o, err
}

// bindings are all bindings of a namespace with their identities; of all for "".
func bindings(ctx context.Context, c *command.Call, namespace string) ([]bound, error) {
	where := []string{"--all-namespaces"}
	if namespace != "" {
		where = []string{"--namespace", namespace}
	}
	identities, err := kubeObject(ctx, c, append([]string{"get", "azureidentities.aadpodidentity.k8s.io"}, where...)...)
	if err != nil {
		return nil, err
	}
	byName := map[string]*value.Object{}
	for _, v := range identities.List("items") {
		o, _ := v.(*value.Object)
		byName[o.String("metadata", "namespace")+"/"+o.String("metadata", "name")] = o
	}
	list, err := kubeObject(ctx, c, append([]string{"get", "azureidentitybindings.aadpodidentity.k8s.io"}, where...)...)
	if err != nil {
		return nil, err
	}
	var all []bound
	for _, v := range list.List("items") {
		o, _ := v.(*value.Object)
		b := bound{name: o.String("spec", "azureIdentity"), namespace: o.String("metadata", "namespace"), binding: o.String("metadata", "name"), selector: o.String("spec", "selector")}
		identity := byName[b.namespace+"/"+b.name]
		b.clientID, b.resourceID = identity.String("spec", "clientID"), identity.String("spec", "resourceID")
		all = append(all, b)
	}
	return all, nil
}

// podIdentities are the identities that a pod may use by its label.
func podIdentities(ctx context.Context, c *command.Call, namespace, pod string) ([]bound, error) {
	o, err := kubeObject(ctx, c, "get", "pod", pod, "--namespace", namespace)
	if err != nil {
		return nil, err
	}
	label := o.String("metadata", "labels", bindingLabel)
	if label == "" {
		return nil, fmt.Errorf("pod %s/%s has no label %s, so that no identity is bound to it", namespace, pod, bindingLabel)
	}
	all, err := bindings(ctx, c, namespace)
	if err != nil {
		return nil, err
	}
	var mine []bound
	for _, b := range all {
		if b.selector == label {
			mine = append(mine, b)
		}
	}
	return mine, nil
}

func bindingsCommand() command.Table {
	return command.Table{Commands: []*command.Command{{
		Path: "bindings", Summary: "List the identities of pods in the current cluster.",
		Arguments: []argument{argOf("--namespace -n", "Only of this namespace.")},
		Run: func(ctx context.Context, c *command.Call) (any, error) {
			all, err := bindings(ctx, c, c.Get("namespace"))
			if err != nil {
				return nil, err
			}
			if !c.Given("output") {
				c.SetDefault("output", "table")
			}
			rows := []any{}
			for _, b := range all {
				state := "identity " + b.clientID
				if b.clientID == "" {
					state = "no such AzureIdentity"
				}
				rows = append(rows, value.NewObject("namespace", b.namespace, "binding", b.binding, "selector", b.selector, "identity", b.name, "state", state))
			}
			return rows, nil
		},
	}}}
}
