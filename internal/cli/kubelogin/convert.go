package kubelogin

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/google/renameio/v2/maybe"
	"sigs.k8s.io/yaml"

	"github.com/lanyard-project/lanyard/internal/cli/command"
	"github.com/lanyard-project/lanyard/internal/cli/grammar"
)

// convert makes the users of a kubeconfig who sign in to Entra do it in another way. Who has a certificate keeps it; what
// isn't understood of the file stays.
func convert(_ context.Context, c *command.Call) (any, error) {
	file := kubeconfigFile(c)
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("reading the kubeconfig: %w", err)
	}
	config := object{}
	if err := yaml.Unmarshal(data, &config); err != nil {
		return nil, fmt.Errorf("reading the kubeconfig %s: %w", file, err)
	}
	only := ""
	if name := c.Get("context"); name != "" {
		chosen := config.named("contexts", name)
		if chosen == nil {
			return nil, command.Usage("no context exists with the name: \"%s\"", name)
		}
		only = chosen.in("context").text("user")
	}
	for _, entry := range config.list("users") {
		if only == "" || entry.text("name") == only {
			convertUser(c, entry.in("user"))
		}
	}
	if data, err = yaml.Marshal(config); err != nil {
		return nil, fmt.Errorf("writing the kubeconfig: %w", err)
	}
	return nil, maybe.WriteFile(file, data, 0o600)
}

func kubeconfigFile(c *command.Call) string {
	if c.Given("kubeconfig") {
		return c.Get("kubeconfig")
	}
	if list := filepath.SplitList(c.Program.Getenv("KUBECONFIG")); len(list) > 0 {
		return list[0]
	}
	return filepath.Join(c.Program.Getenv("HOME"), ".kube", "config")
}

// convertUser gives a user of Entra other arguments of get-token: those of the line, else those that he had.
func convertUser(c *command.Call, user object) {
	exec, had, flags := user.in("exec"), map[string]string{}, []string{}
	switch args, provider := texts(exec["args"]), user.in("auth-provider"); {
	case len(args) > 0 && args[0] == "get-token":
		for i, name := range args {
			if i+1 < len(args) {
				had[name] = args[i+1]
			}
		}
		flags = args
	case provider.text("name") == "azure": // what kubectl had built in until 1.25
		of := provider.in("config")
		had["--environment"], had["--server-id"], had["--client-id"], had["--tenant-id"] = of.text("environment"), of.text("apiserver-id"), of.text("client-id"), of.text("tenant-id")
		delete(user, "auth-provider")
		exec = object{"apiVersion": execGroup + "v1beta1", "command": "kubelogin", "interactiveMode": "IfAvailable"}
		user["exec"] = exec
	default:
		return
	}
	mode := c.Get("login")
	// The application for people is no service principal and no managed identity.
	if !slices.Contains([]string{deviceCode, interactive, password}, mode) {
		delete(had, "--client-id")
	}
	args := []string{"get-token", "--login", mode}
	for _, a := range tokenArguments() {
		name := a.Names[0]
		switch {
		case a.Kind == grammar.Switch:
			if c.On(a.Key()) || slices.Contains(flags, name) {
				args = append(args, name)
			}
		case c.Given(a.Key()):
			args = append(args, name, c.Get(a.Key()))
		case had[name] != "":
			args = append(args, name, had[name])
		}
	}
	exec["args"] = args
}

// object is a part of a kubeconfig of which only names are understood.
type object map[string]any

func (o object) text(name string) string {
	text, _ := o[name].(string)
	return text
}

func (o object) in(name string) object {
	inner, _ := o[name].(map[string]any)
	return inner // nil, which has nothing in it, if there is none
}

func (o object) list(name string) []object {
	all, _ := o[name].([]any)
	var objects []object
	for _, one := range all {
		if inner, ok := one.(map[string]any); ok {
			objects = append(objects, inner)
		}
	}
	return objects
}

func (o object) named(list, name string) object {
	for _, one := range o.list(list) {
		if one.text("name") == name {
			return one
		}
	}
	return nil
}

func texts(v any) []string {
	all, _ := v.([]any)
	var words []string
	for _, one := range all {
		if text, ok := one.(string); ok {
			words = append(words, text)
		}
	}
	return words
}
