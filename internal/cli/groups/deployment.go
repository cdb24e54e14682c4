package groups

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/lanyard-project/lanyard/internal/cli/azure"
	"github.com/lanyard-project/lanyard/internal/cli/command"
	"github.com/lanyard-project/lanyard/internal/cli/value"
)

func deploymentKind() kind {
	return kind{version: resourcesVersion, service: "resources", model: "DeploymentExtended", path: within("Microsoft.Resources/deployments")}
}

func deploymentGroup() command.Table {
	k := deploymentKind()
	name := arg("--name -n", "Name of the deployment.").Required()
	template := []argument{
		inGroup(), arg("--template-file -f", "File with the template."), arg("--template-uri -u", "Address of the template."),
		list("--parameters -p", "Parameters: name=value, a JSON document, or a file.").Appends(), arg("--mode", "Incremental or Complete.").Choices("Incremental", "Complete").Or("Incremental"),
	}
	table := columns("Name", "name", "State", "properties.provisioningState", "Timestamp", "properties.timestamp", "Mode", "properties.mode", "ResourceGroup", "resourceGroup")
	return command.Table{
		Groups: []command.Group{{Path: "deployment", Summary: "Templates."}, {Path: "deployment group", Summary: "Templates in a resource group."}},
		Commands: []*command.Command{
			{
				Path: "deployment group create", Summary: "Deploy a template.", Arguments: append(template, arg("--name -n", "Name of the deployment; that of the file when it is left out.")), NoWait: true, Table: table,
				Examples: []command.Example{{Title: "Deploy a template with parameters.", Line: "lanyard deployment group create -g MyResourceGroup -f template.json -p clusterName=MyCluster"}},
				Run: func(ctx context.Context, c *command.Call) (any, error) {
					client, err := c.Client()
					if err != nil {
						return nil, err
					}
					body, err := newDeployment(c)
					if err != nil {
						return nil, err
					}
					if c.Get("name") == "" {
						file := filepath.Base(c.Get("template-file"))
						c.Set("name", strings.TrimSuffix(file, filepath.Ext(file)))
					}
					return k.put(ctx, c, client, body)
				},
			},
			{
				Path: "deployment group validate", Summary: "Check a template.", Arguments: append(template, arg("--name -n", "Name of the deployment.").Or("deployment")),
				Run: func(ctx context.Context, c *command.Call) (any, error) {
					client, err := c.Client()
					if err != nil {
						return nil, err
					}
					body, err := newDeployment(c)
					if err != nil {
						return nil, err
					}
					answer, err := client.Do(ctx, http.MethodPost, k.path(client, c)+"/validate", k.version, body)
					if err != nil {
						return nil, err
					}
					return k.shaped(answer.Document), nil
				},
			},
			{Path: "deployment group show", Summary: "Show a deployment.", Arguments: []argument{inGroup(), name}, Table: table, Run: k.show},
			{Path: "deployment group delete", Summary: "Delete a deployment's record.", Arguments: []argument{inGroup(), name}, NoWait: true, Run: k.remove},
			{Path: "deployment group list", Summary: "List deployments.", Arguments: []argument{inGroup()}, Table: table, Run: func(ctx context.Context, c *command.Call) (any, error) {
				return listBelow(ctx, c, k, func(client *azure.Client) string {
					return client.Group(c.Get("resource-group"), "providers/Microsoft.Resources/deployments/")
				})
			}},
		},
	}
}

// listBelow lists a collection at a path.
func listBelow(ctx context.Context, c *command.Call, k kind, path func(*azure.Client) string) (any, error) {
	client, err := c.Client()
	if err != nil {
		return nil, err
	}
	all, err := client.List(ctx, path(client), k.version)
	if err != nil {
		return nil, err
	}
	return k.shaped(all), nil
}

func newDeployment(c *command.Call) (*value.Object, error) {
	properties := value.NewObject("mode", c.Get("mode"))
	switch {
	case c.Get("template-file") != "":
		data, err := os.ReadFile(absolute(c.Get("template-file")))
		if err != nil {
			return nil, err
		}
		template, err := value.Decode(data)
		if err != nil {
			return nil, command.Usage("Failed to parse '%s' as JSON: %v", c.Get("template-file"), err)
		}
		properties.Set("template", template)
	case c.Get("template-uri") != "":
		properties.Set("templateLink", value.NewObject("uri", c.Get("template-uri")))
	default:
		return nil, command.Usage("please provide one of --template-file, --template-uri")
	}
	parameters := value.NewObject()
	for _, word := range c.List("parameters") {
		if err := addParameters(parameters, word); err != nil {
			return nil, err
		}
	}
	return value.NewObject("properties", properties.Set("parameters", parameters)), nil
}

// addParameters reads one word of --parameters: a file, a document, or name=value.
func addParameters(parameters *value.Object, word string) error {
	text := word
	if isFile(word) {
		data, err := os.ReadFile(absolute(word))
		if err != nil {
			return err
		}
		text = string(data)
	}
	if v, err := value.Decode([]byte(text)); err == nil {
		if o, ok := v.(*value.Object); ok {
			if inner := o.Object("parameters"); inner != nil {
				o = inner
			}
			for _, key := range o.Keys() {
				parameters.Set(key, o.At(key))
			}
			return nil
		}
	}
	name, v, ok := strings.Cut(word, "=")
	if !ok {
		return command.Usage("Unable to parse parameter: %s", word)
	}
	var parsed any = v
	if decoded, err := value.Decode([]byte(v)); err == nil {
		parsed = decoded
	}
	parameters.Set(name, value.NewObject("value", parsed))
	return nil
}
