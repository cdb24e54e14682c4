package groups

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/lanyard-project/lanyard/internal/cli/azure"
	"github.com/lanyard-project/lanyard/internal/cli/command"
)

func providerGroup() command.Table {
	namespace := arg("--namespace -n", "Namespace, such as Microsoft.ContainerService.").Required().Completes("namespace")
	wait := flag("--wait", "Wait until it is done.")
	k := kind{version: resourcesVersion, service: "resources", model: "Provider"}
	return command.Table{
		Groups: []command.Group{{Path: "provider", Summary: "Resource providers and whether the subscription may use them."}},
		Commands: []*command.Command{
			{
				Path: "provider list", Summary: "List resource providers.", Arguments: []argument{arg("--expand", "More properties.")},
				Examples: []command.Example{{Title: "List names and states.", Line: `lanyard provider list --query "[].{Provider:namespace, Status:registrationState}" -o table`}},
				Run: func(ctx context.Context, c *command.Call) (any, error) {
					client, err := c.Client()
					if err != nil {
						return nil, err
					}
					all, err := client.List(ctx, client.Scope("providers"), k.version)
					if err != nil {
						return nil, err
					}
					return k.shaped(all), nil
				},
			},
			{
				Path: "provider show", Summary: "Show a resource provider.", Arguments: []argument{namespace, arg("--expand", "More properties.")},
				Run: func(ctx context.Context, c *command.Call) (any, error) {
					client, err := c.Client()
					if err != nil {
						return nil, err
					}
					o, err := client.Get(ctx, client.Scope("providers", azure.Word(c.Get("namespace"))), k.version)
					if err != nil {
						return nil, err
					}
					return k.shaped(o), nil
				},
			},
			{
				Path: "provider register", Summary: "Let the subscription use a resource provider.",
				Arguments: []argument{namespace, flag("--consent-to-permissions -c", "Consent to what the provider asks for."), arg("--management-group-id -m", "A management group instead."), wait},
				Examples:  []command.Example{{Title: "Register, for instance after a feature was registered.", Line: "lanyard provider register --namespace Microsoft.ContainerService"}},
				Run:       registration("register", "Registered"),
			},
			{Path: "provider unregister", Summary: "Take it away again.", Arguments: []argument{namespace, wait}, Run: registration("unregister", "Unregistered")},
		},
	}
}

// registration changes the state of a provider. az prints nothing of it but a warning
// while it isn't done.
func registration(verb, state string) func(context.Context, *command.Call) (any, error) {
	return func(ctx context.Context, c *command.Call) (any, error) {
		client, err := c.Client()
		if err != nil {
			return nil, err
		}
		path := client.Scope("providers", azure.Word(c.Get("namespace")))
		answer, err := client.Do(ctx, http.MethodPost, path+"/"+verb, resourcesVersion, nil)
		if err != nil {
			return nil, err
		}
		current := answer.Object()
		if !c.On("wait") {
			if current.String("registrationState") != state {
				c.Warn("%sing is still on-going. You can monitor using 'az provider show -n %s'", strings.ToUpper(verb[:1])+verb[1:], c.Get("namespace"))
			}
			return nil, nil
		}
		done := c.Progress("Running")
		defer done()
		for current.String("registrationState") != state {
			if err := c.Sleep(ctx, 2*time.Second); err != nil {
				return nil, err
			}
			if current, err = client.Get(ctx, path, resourcesVersion); err != nil {
				return nil, err
			}
		}
		return nil, nil
	}
}

func featureGroup() command.Table {
	const version = "2021-07-01"
	namespace := arg("--namespace", "Namespace, such as Microsoft.ContainerService.").Completes("namespace")
	name := arg("--name -n", "Name of the feature.").Required()
	k := kind{version: version, service: "features", model: "FeatureResult"}
	rows := columns("Name", "name", "RegistrationState", "properties.state")
	one := func(method, suffix string) func(context.Context, *command.Call) (any, error) {
		return func(ctx context.Context, c *command.Call) (any, error) {
			client, err := c.Client()
			if err != nil {
				return nil, err
			}
			answer, err := client.Do(ctx, method, client.Scope("providers/Microsoft.Features/providers", azure.Word(c.Get("namespace")), "features", azure.Word(c.Get("name")))+suffix, version, nil)
			if err != nil {
				return nil, err
			}
			if suffix == "/register" {
				c.Warn("Once the feature '%s' is registered, invoking 'az provider register -n %s' is required to get the change propagated", c.Get("name"), c.Get("namespace"))
			}
			return k.shaped(answer.Document), nil
		}
	}
	return command.Table{
		Groups: []command.Group{{Path: "feature", Summary: "Preview features of resource providers."}},
		Commands: []*command.Command{
			{
				Path: "feature list", Summary: "List features.", Arguments: []argument{namespace}, Table: rows,
				Examples: []command.Example{{Title: "Show the state of a feature.", Line: `lanyard feature list -o table --query "[?contains(name, 'Microsoft.ContainerService/EnablePodIdentityPreview')].{Name:name,State:properties.state}"`}},
				Run: func(ctx context.Context, c *command.Call) (any, error) {
					client, err := c.Client()
					if err != nil {
						return nil, err
					}
					path := client.Scope("providers/Microsoft.Features/features")
					if ns := c.Get("namespace"); ns != "" {
						path = client.Scope("providers/Microsoft.Features/providers", ns, "features")
					}
					all, err := client.List(ctx, path, version)
					if err != nil {
						return nil, err
					}
					return k.shaped(all), nil
				},
			},
			{Path: "feature show", Summary: "Show a feature.", Arguments: []argument{namespace.Required(), name}, Table: rows, Run: one(http.MethodGet, "")},
			{Path: "feature register", Summary: "Ask for a feature.", Arguments: []argument{namespace.Required(), name}, Run: one(http.MethodPost, "/register"),
				Examples: []command.Example{{Title: "Ask for pod identity.", Line: "lanyard feature register --namespace Microsoft.ContainerService --name EnablePodIdentityPreview"}}},
			{Path: "feature unregister", Summary: "Give a feature back.", Arguments: []argument{namespace.Required(), name}, Run: one(http.MethodPost, "/unregister")},
		},
	}
}
