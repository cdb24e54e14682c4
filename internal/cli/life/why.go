package life

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/google/uuid"

	"github.com/lanyard-project/lanyard/internal/cli/azure"
	"github.com/lanyard-project/lanyard/internal/cli/command"
	"github.com/lanyard-project/lanyard/internal/cli/grammar"
	"github.com/lanyard-project/lanyard/internal/cli/value"
)

const checkAccessVersion = "2021-06-01-preview"

func whyCommand() command.Table {
	return command.Table{Commands: []*command.Command{{
		Path: "why", Summary: "Say whether somebody may do something, by which role assignment, and else what would allow it.",
		Details: "WHO is me, an identity's name, a client ID, an object ID, or pod/NAMESPACE/NAME of the current cluster.",
		Arguments: []argument{
			grammar.Arg("who", "Who: me, NAME, ID, or pod/NAMESPACE/NAME.").Required(),
			grammar.Arg("action", "Action, such as Microsoft.Compute/virtualMachines/read.").Required(),
			grammar.Arg("scope", "Resource ID, or the name of a resource group; the subscription when it is left out.").Of(grammar.Optional),
			grammar.Flag("--data", "It is a data action."),
		},
		Examples: []command.Example{
			{Title: "May an identity read the machines of a group?", Line: "lanyard why application-identity Microsoft.Compute/virtualMachines/read MC_myResourceGroup_myAKSCluster_eastus"},
			{Title: "The same for the identity of a pod.", Line: "lanyard why pod/my-app/demo Microsoft.Compute/virtualMachines/read myResourceGroup"},
		},
		Run: func(ctx context.Context, c *command.Call) (any, error) {
			client, err := c.Client()
			if err != nil {
				return nil, err
			}
			object, name, err := subject(ctx, c, client, c.Get("who"))
			if err != nil {
				return nil, err
			}
			answer, err := checkAccess(ctx, client, object, c.Get("action"), scopeOf(client, c.Get("scope")), c.On("data"))
			if err != nil {
				return nil, err
			}
			if c.Given("output") || c.Get("query") != "" {
				return answer, nil
			}
			decision{who: name, scope: scopeOf(client, c.Get("scope")), answer: answer}.tell(c.Program, client.Scope())
			if answer.String("accessDecision") != "Allowed" {
				return nil, command.ExitStatus(1)
			}
			return nil, nil
		},
	}}}
}

func scopeOf(client *azure.Client, name string) string {
	switch {
	case name == "":
		return client.Scope()
	case strings.HasPrefix(name, "/"):
		return strings.TrimRight(name, "/")
	}
	return client.Group(name)
}

// subject finds the object ID of who was named; "" is who is signed in.
func subject(ctx context.Context, c *command.Call, client *azure.Client, who string) (object, name string, err error) {
	if who == "me" {
		return "", "you", nil
	}
	if pod, ok := strings.CutPrefix(who, "pod/"); ok {
		namespace, name, ok := strings.Cut(pod, "/")
		if !ok {
			namespace, name = "default", pod
		}
		found, err := podIdentities(ctx, c, namespace, name)
		if err != nil {
			return "", "", err
		}
		if len(found) == 0 {
			return "", "", fmt.Errorf("pod %s/%s has no identity: its label aadpodidbinding matches no AzureIdentityBinding", namespace, name)
		}
		object, _, err = subject(ctx, c, client, found[0].clientID)
		return object, fmt.Sprintf("pod %s/%s (identity %s)", namespace, name, found[0].name), err
	}
	quoted := "'" + strings.ReplaceAll(who, "'", "''") + "'"
	filter := "servicePrincipalNames/any(c:c eq " + quoted + ")"
	if _, bad := uuid.Parse(who); bad != nil {
		filter = "displayName eq " + quoted
	}
	found, err := client.GraphList(ctx, "/servicePrincipals", filter)
	if err != nil {
		return "", "", err
	}
	if len(found) > 0 {
		o, _ := found[0].(*value.Object)
		return o.String("id"), o.String("displayName"), nil
	}
	if _, bad := uuid.Parse(who); bad == nil {
		return who, who, nil
	}
	return "", "", fmt.Errorf("nobody is called %s: name an identity, a client ID, an object ID or pod/NAMESPACE/NAME", who)
}

func checkAccess(ctx context.Context, client *azure.Client, object, action, scope string, data bool) (*value.Object, error) {
	body := value.NewObject("Actions", []any{value.NewObject("Id", action, "IsDataAction", data)})
	if object != "" {
		body.Set("Subject", value.NewObject("Attributes", value.NewObject("ObjectId", object)))
	}
	answer, err := client.Do(ctx, http.MethodPost, scope+"/providers/Microsoft.Authorization/checkAccess", checkAccessVersion, body)
	if err != nil {
		return nil, err
	}
	list := answer.Object().List("value")
	if bare, ok := answer.Document.([]any); ok { // Azure answers with a bare list
		list = bare
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("the service gave no decision")
	}
	o, _ := list[0].(*value.Object)
	return o, nil
}
