package life

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/lanyard-project/lanyard/internal/cli/command"
	"github.com/lanyard-project/lanyard/internal/cli/value"
	"github.com/lanyard-project/lanyard/internal/secret"
)

const (
	// besideName begins the names of containers that ask in a pod's network.
	besideName = "lanyard-token-"
	// besideStay is how long such a container runs: later calls use it too.
	besideStay = "10m"
	// besideLimit bounds how long it may take to start.
	besideLimit = 2 * time.Minute
	// agents are the node agents of every way to install them.
	agents = "app.kubernetes.io/name=lanyard,app.kubernetes.io/component=nmi"
)

// podToken asks the metadata address from within a pod, with what the pod has for it, or with --beside from a container
// beside the pod's own.
func podToken(ctx context.Context, c *command.Call, pod string) (secret.String, error) {
	namespace, name, ok := strings.Cut(pod, "/")
	if !ok {
		namespace, name = "default", pod
	}
	if c.On("beside") {
		return tokenBeside(ctx, c, namespace, name)
	}
	query := url.Values{"api-version": {"2018-02-01"}, "resource": {c.Get("resource")}}
	if id := c.Get("client-id"); id != "" {
		query.Set("client_id", id)
	}
	address := "http://169.254.169.254/metadata/identity/oauth2/token?" + query.Encode()
	var failures []error
	for _, program := range [][]string{{"curl", "-sS", "-H", "Metadata: true", address}, {"wget", "-qO-", "--header", "Metadata: true", address}} {
		data, err := kube(ctx, c, append([]string{"exec", name, "--namespace", namespace, "--"}, program...)...)
		if err == nil {
			return tokenIn(data)
		}
		failures = append(failures, err)
	}
	return secret.String{}, fmt.Errorf("the pod can't be asked with curl or wget; with --beside a container of the node agent's image is added to it, which can ask: %w", errors.Join(failures...))
}

func tokenIn(data []byte) (secret.String, error) {
	v, err := value.Decode(data)
	o, _ := v.(*value.Object)
	if err == nil && o.String("access_token") != "" {
		return secret.New(o.String("access_token")), nil
	}
	return secret.String{}, fmt.Errorf("the pod was refused: %s", strings.TrimSpace(string(data)))
}

// tokenBeside asks in the pod's network by an ephemeral container. It only waits there; the question is an exec, so that
// the token is in no log.
func tokenBeside(ctx context.Context, c *command.Call, namespace, name string) (secret.String, error) {
	pod, err := kubeObject(ctx, c, "get", "pod", name, "--namespace", namespace)
	if err != nil {
		return secret.String{}, err
	}
	container := runningBeside(pod)
	if container == "" {
		if container, err = addBeside(ctx, c, namespace, name, pod); err != nil {
			return secret.String{}, fmt.Errorf("adding a container to pod %s/%s: %w", namespace, name, err)
		}
	}
	question := []string{"exec", name, "--namespace", namespace, "--container", container, "--", "nmi", "token", "--resource", c.Get("resource")}
	if id := c.Get("client-id"); id != "" {
		question = append(question, "--client-id", id)
	}
	data, err := kube(ctx, c, question...)
	if err != nil {
		return secret.String{}, err
	}
	return tokenIn(data)
}

// runningBeside is a container that an earlier call added, if it still runs.
func runningBeside(pod *value.Object) string {
	for _, v := range pod.List("status", "ephemeralContainerStatuses") {
		status, _ := v.(*value.Object)
		if name := status.String("name"); strings.HasPrefix(name, besideName) && status.Object("state").Object("running") != nil {
			return name
		}
	}
	return ""
}

func addBeside(ctx context.Context, c *command.Call, namespace, name string, pod *value.Object) (string, error) {
	image, err := agentImage(ctx, c)
	if err != nil {
		return "", err
	}
	there := pod.List("spec", "ephemeralContainers")
	container := fmt.Sprintf("%s%d", besideName, len(there)+1)
	c.Warn("Adding ephemeral container %s of image %s to pod %s/%s. It ends after %s; the pod's list keeps it.", container, image, namespace, name, besideStay)
	pod.Ensure("spec").Set("ephemeralContainers", append(there, beside(container, image)))
	manifest, err := value.Encode(pod)
	if err != nil {
		return "", err
	}
	path := "/api/v1/namespaces/" + url.PathEscape(namespace) + "/pods/" + url.PathEscape(name) + "/ephemeralcontainers"
	if _, err := kubeInput(ctx, c, manifest, "replace", "--raw", path, "-f", "-"); err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, besideLimit)
	defer cancel()
	for {
		now, err := kubeObject(ctx, c, "get", "pod", name, "--namespace", namespace)
		if err != nil {
			return "", err
		}
		if runningBeside(now) == container {
			return container, nil
		}
		if err := c.Sleep(ctx, 500*time.Millisecond); err != nil {
			return "", fmt.Errorf("container %s doesn't run within %s (kubectl describe pod tells why): %w", container, besideLimit, err)
		}
	}
}

// beside is the container: without any right, as the strictest namespaces want it.
func beside(name, image string) *value.Object {
	return value.NewObject("name", name, "image", image, "imagePullPolicy", "IfNotPresent",
		"args", []any{"token", "--stay", besideStay},
		"securityContext", value.NewObject("runAsUser", json.Number("65532"), "runAsNonRoot", true, "allowPrivilegeEscalation", false,
			"readOnlyRootFilesystem", true, "capabilities", value.NewObject("drop", []any{"ALL"}), "seccompProfile", value.NewObject("type", "RuntimeDefault")))
}

// agentImage is the image of the cluster's node agent, which its nodes have.
func agentImage(ctx context.Context, c *command.Call) (string, error) {
	list, err := kubeObject(ctx, c, "get", "daemonsets", "--all-namespaces", "--selector", agents)
	if err != nil {
		return "", err
	}
	for _, v := range list.List("items") {
		set, _ := v.(*value.Object)
		for _, v := range set.List("spec", "template", "spec", "containers") {
			if container, _ := v.(*value.Object); container.String("image") != "" {
				return container.String("image"), nil
			}
		}
	}
	return "", errors.New("this cluster has no node agent of ours (no DaemonSet with labels " + agents + ")")
}
