package groups

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"strings"

	"github.com/google/renameio/v2/maybe"
	"sigs.k8s.io/yaml"

	"github.com/lanyard-project/lanyard/internal/cli/command"
	"github.com/lanyard-project/lanyard/internal/cli/value"
)

// getCredentials asks a cluster for a kubeconfig and merges it into the user's.
func getCredentials(ctx context.Context, c *command.Call) (any, error) {
	path := c.Get("file")
	if !c.Given("file") {
		if first, _, _ := strings.Cut(c.Program.Getenv("KUBECONFIG"), ":"); first != "" {
			path = first
		}
	}
	config, err := fetchKubeconfig(ctx, c)
	if err != nil {
		return nil, err
	}
	if path == "-" {
		fmt.Fprintln(c.Program.Out, string(config))
		return nil, nil
	}
	current, err := mergeKubeconfig(c, absolute(path), config)
	if err != nil {
		return nil, err
	}
	c.Warn("Merged \"%s\" as current context in %s", current, absolute(path))
	return nil, nil
}

func fetchKubeconfig(ctx context.Context, c *command.Call) ([]byte, error) {
	client, err := c.Client()
	if err != nil {
		return nil, err
	}
	action, query := "listClusterUserCredential", url.Values{}
	if c.On("admin") {
		if c.Get("format") != "" {
			return nil, command.Usage("--format can only be specified when requesting clusterUser credential.")
		}
		action = "listClusterAdminCredential"
	} else if format := c.Get("format"); format != "" {
		query.Set("format", strings.ToLower(format))
	}
	if c.On("public-fqdn") {
		query.Set("server-fqdn", "public")
	}
	path := clusterKind().path(client, c) + "/" + action
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	answer, err := client.Do(ctx, http.MethodPost, path, clusterVersion, nil)
	if err != nil {
		return nil, err
	}
	configs := answer.Object().List("kubeconfigs")
	if len(configs) == 0 {
		return nil, command.Usage("No Kubernetes credentials found.")
	}
	first, _ := configs[0].(*value.Object)
	config, err := base64.StdEncoding.DecodeString(first.String("value"))
	if err != nil {
		return nil, command.Usage("Fail to find kubeconfig file.")
	}
	return config, nil
}

// kubeconfig is a kubeconfig file of which only names are understood.
type kubeconfig map[string]any

func readKubeconfig(data []byte) (kubeconfig, error) {
	k := kubeconfig{}
	err := yaml.Unmarshal(data, &k)
	return k, err
}

// entries are the named elements of a list.
func (k kubeconfig) entries(key string) []map[string]any {
	var all []map[string]any
	list, _ := k[key].([]any)
	for _, v := range list {
		if entry, ok := v.(map[string]any); ok {
			all = append(all, entry)
		}
	}
	return all
}

// mergeKubeconfig puts a kubeconfig into a file and returns its context.
func mergeKubeconfig(c *command.Call, path string, data []byte) (string, error) {
	added, err := readKubeconfig(data)
	if err != nil {
		return "", fmt.Errorf("failed to load additional configuration: %w", err)
	}
	renameContext(added, c.Get("context"))
	merged := added
	existing, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		return "", err
	}
	if strings.TrimSpace(string(existing)) != "" {
		old, err := readKubeconfig(existing)
		if err != nil {
			return "", fmt.Errorf("failed to load existing configuration from %s: %w", path, err)
		}
		for _, key := range []string{"clusters", "users", "contexts"} {
			if err := mergeEntries(c, old, added, key); err != nil {
				return "", err
			}
		}
		old["current-context"] = added["current-context"]
		merged = old
	}
	text, err := yaml.Marshal(merged)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", err
	}
	current, _ := added["current-context"].(string)
	return current, maybe.WriteFile(path, text, 0o600)
}

// renameContext gives the context another name, and an administrator's one the suffix
// that keeps it apart from the user's.
func renameContext(k kubeconfig, name string) {
	contexts, clusters := k.entries("contexts"), k.entries("clusters")
	if name != "" && len(contexts) > 0 && len(clusters) > 0 {
		contexts[0]["name"], clusters[0]["name"], k["current-context"] = name, name, name
		if inner, ok := contexts[0]["context"].(map[string]any); ok {
			inner["cluster"] = name
		}
	}
	for _, entry := range contexts {
		inner, _ := entry["context"].(map[string]any)
		if user, _ := inner["user"].(string); strings.HasPrefix(user, "clusterAdmin") {
			entry["name"] = fmt.Sprint(entry["name"]) + "-admin"
			k["current-context"] = entry["name"]
			return
		}
	}
}

// mergeEntries replaces entries of the same name, after a question when they differ.
func mergeEntries(c *command.Call, old, added kubeconfig, key string) error {
	list, _ := old[key].([]any)
	for _, entry := range added.entries(key) {
		kept := []any{}
		for _, v := range list {
			other, _ := v.(map[string]any)
			if other["name"] != entry["name"] {
				kept = append(kept, v)
				continue
			}
			if c.On("overwrite-existing") || reflect.DeepEqual(other, entry) {
				continue
			}
			if !c.Program.Interactive || c.Confirm(fmt.Sprintf("A different object named %v already exists in your kubeconfig file.\nOverwrite?", entry["name"])) != nil {
				return command.Usage("A different object named %v already exists in %s in your kubeconfig file.", entry["name"], key)
			}
		}
		list = append(kept, any(entry))
	}
	old[key] = list
	return nil
}
