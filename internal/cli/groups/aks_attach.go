package groups

import (
	"context"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/lanyard-project/lanyard/internal/cli/command"
	"github.com/lanyard-project/lanyard/internal/cli/value"
)

// az has no such commands: a cluster that is run elsewhere is a managed cluster of lanyardd alone.

// profileOptions are what is sent of the cluster's nodes, by the member of connectedProfile.
func profileOptions() [][2]string {
	return [][2]string{
		{"metadata-endpoint", "metadataEndpoint"}, {"image-repository", "imageRepository"}, {"pod-network", "podNetwork"},
		{"runtime-folder", "runtimeFolder"}, {"cgroup-folder", "cgroupFolder"},
	}
}

func attachCommands() command.Table {
	k := clusterKind()
	k.version = "2025-05-01"
	return command.Table{Commands: []*command.Command{
		{
			Path: "aks attach", Summary: "Connect a cluster that is run elsewhere (lanyardd only).", NoWait: true, Run: k.attach,
			Arguments: []argument{
				inGroup(), clusterName(), location(), tags(),
				arg("--file -f", "Its kubeconfig; kubectl's own when it is left out."), arg("--context", "Context of the kubeconfig; the current one when it is left out."),
				arg("--assign-identity", "Resource ID of the cluster's identity; it gets one of its own when it is left out."),
				arg("--metadata-endpoint", "Where its nodes reach lanyardd, https://host:port; where you do when it is left out."),
				arg("--image-repository", "Where its nodes get the node agent's image."),
				arg("--pod-network", "How its pods are connected: routed (kind, Calico) or bridge (k3s, Flannel).").Choices("routed", "bridge"),
				arg("--runtime-folder", "Where containerd's socket is on its nodes, /run/k3s/containerd for k3s."),
				arg("--cgroup-folder", "Where its nodes have cgroups of version 2, if not in /sys/fs/cgroup."),
			},
			Examples: []command.Example{
				{Title: "Connect the cluster that kubectl uses.", Line: "lanyard aks attach -g MyResourceGroup -n MyKind --metadata-endpoint https://172.18.0.1:8443"},
				{Title: "Connect k3s.", Line: "lanyard aks attach -g MyResourceGroup -n MyK3s -f /etc/rancher/k3s/k3s.yaml --pod-network bridge --runtime-folder /run/k3s/containerd"},
			},
		},
		{
			Path: "aks detach", Summary: "Disconnect a cluster that is run elsewhere; it goes on there.", NoWait: true, Run: k.detach,
			Arguments: []argument{inGroup(), clusterName()}, Confirm: command.Sure,
		},
	}}
}

// attach sends the kubeconfig with what else is known of the cluster. Sent again, it renews the credential.
func (k kind) attach(ctx context.Context, c *command.Call) (any, error) {
	if err := checkIDs(c, "assign-identity"); err != nil {
		return nil, err
	}
	file := c.Get("file")
	if file == "" {
		file, _, _ = strings.Cut(c.Program.Getenv("KUBECONFIG"), string(filepath.ListSeparator))
	}
	if file == "" {
		file = "~/.kube/config"
	}
	way, err := oneContext(absolute(file), c.Get("context"))
	if err != nil {
		return nil, err
	}
	client, err := c.Client()
	if err != nil {
		return nil, err
	}
	where, err := groupLocation(ctx, c, client)
	if err != nil {
		return nil, err
	}
	profile := value.NewObject("kubeconfig", base64.StdEncoding.EncodeToString(way))
	for _, option := range profileOptions() {
		if given := c.Get(option[0]); given != "" {
			profile.Set(option[1], given)
		}
	}
	identity := value.NewObject("type", "SystemAssigned")
	if id := c.Get("assign-identity"); id != "" {
		identity = value.NewObject("type", "UserAssigned", "userAssignedIdentities", value.NewObject(id, value.NewObject()))
	}
	body := value.NewObject("location", where, "identity", identity, "properties", value.NewObject("connectedProfile", profile))
	return k.put(ctx, c, client, withTags(c, body))
}

// detach deletes a connected cluster's resource, and nothing that it would take a cluster with.
func (k kind) detach(ctx context.Context, c *command.Call) (any, error) {
	client, err := c.Client()
	if err != nil {
		return nil, err
	}
	cluster, err := client.Get(ctx, k.path(client, c), k.version)
	if err != nil {
		return nil, err
	}
	if cluster.String("kind") != "Connected" {
		return nil, command.Usage("'%s' isn't connected: its nodes are run by this cloud, and go with it. `aks delete` deletes it.", c.Get("name"))
	}
	return k.remove(ctx, c)
}

// oneContext reads a kubeconfig and keeps one context of it, the current one if none is named, with what its cluster and
// user have in files written in.
func oneContext(path, name string) ([]byte, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, command.Usage("The kubeconfig can't be read: %v", err)
	}
	all, err := readKubeconfig(data)
	if err != nil {
		return nil, command.Usage("%s isn't a kubeconfig.", path) // what can't be read may be a secret
	}
	if name == "" {
		name, _ = all["current-context"].(string)
	}
	chosen := all.entry("contexts", name)
	inner, _ := chosen["context"].(map[string]any)
	if inner == nil {
		return nil, command.Usage("%s has no context '%s'.", path, name)
	}
	cluster, user := all.entry("clusters", fmt.Sprint(inner["cluster"])), all.entry("users", fmt.Sprint(inner["user"]))
	if cluster == nil || user == nil {
		return nil, command.Usage("The context '%s' of %s names a cluster or a user that isn't there.", name, path)
	}
	for _, part := range []any{cluster["cluster"], user["user"]} {
		if err := writeIn(part, filepath.Dir(path)); err != nil {
			return nil, err
		}
	}
	return yaml.Marshal(kubeconfig{
		"apiVersion": "v1", "kind": "Config", "current-context": name,
		"clusters": []any{cluster}, "users": []any{user}, "contexts": []any{chosen},
	})
}

func (k kubeconfig) entry(list, name string) map[string]any {
	for _, entry := range k.entries(list) {
		if entry["name"] == name {
			return entry
		}
	}
	return nil
}

// writeIn replaces the names of files, from the kubeconfig's folder, by what is in them.
func writeIn(part any, folder string) error {
	members, _ := part.(map[string]any)
	for file, data := range map[string]string{"certificate-authority": "certificate-authority-data", "client-certificate": "client-certificate-data", "client-key": "client-key-data", "tokenFile": "token"} {
		path, _ := members[file].(string)
		if path == "" {
			continue
		}
		if !filepath.IsAbs(path) {
			path = filepath.Join(folder, path)
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return command.Usage("A file that the kubeconfig names can't be read: %v", err)
		}
		delete(members, file)
		if members[data] = base64.StdEncoding.EncodeToString(content); data == "token" {
			members[data] = strings.TrimSpace(string(content))
		}
	}
	return nil
}
