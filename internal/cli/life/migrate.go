package life

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"

	"github.com/lanyard-project/lanyard/internal/cli/azure"
	"github.com/lanyard-project/lanyard/internal/cli/command"
	"github.com/lanyard-project/lanyard/internal/cli/grammar"
	"github.com/lanyard-project/lanyard/internal/cli/migrate"
	"github.com/lanyard-project/lanyard/internal/cli/value"
)

const federatedVersion = "2023-01-31"

func migrateCommand() command.Table {
	return command.Table{Commands: []*command.Command{{
		Path: "migrate", Summary: "Say what it takes to move the current cluster's pods from pod identity to workload identity, and prepare it.",
		Details: "Nothing is changed without --apply, which creates the federated credentials that are missing and nothing else. " +
			"Pods are those with the label aadpodidbinding that haven't finished.",
		Arguments: []argument{
			grammar.Arg("--namespace -n", "Look at this namespace only: its pods, identities and bindings."),
			grammar.Arg("--issuer", "URL of the cluster's token issuer; what the cluster says of itself when it is left out."),
			grammar.Arg("--audience", "Audience of the tokens that are exchanged.").Or("api://AzureADTokenExchange"),
			grammar.Flag("--namespaced", "Bindings give identities to pods of their own namespace only, as in managed mode."),
			grammar.Flag("--apply", "Create the federated credentials that are missing."),
		},
		Examples: []command.Example{
			{Title: "What would it take?", Line: "lanyard migrate"},
			{Title: "Create the credentials that one namespace's pods need.", Line: "lanyard migrate --namespace my-app --apply"},
			{Title: "The report as a document.", Line: "lanyard migrate -o yaml"},
		},
		Table: func(answer any) any {
			o, _ := answer.(*value.Object)
			return o.List("pods")
		},
		Run: runMigrate,
	}}}
}

func runMigrate(ctx context.Context, c *command.Call) (any, error) {
	report, err := planMigration(ctx, c)
	if err != nil {
		return nil, err
	}
	client, err := c.Client()
	switch {
	case err != nil && c.On("apply"):
		return nil, err
	case err != nil:
		c.Warn("What credentials there are isn't known: %v", err)
	default:
		for _, credential := range report.Credentials {
			prepare(ctx, client, report, credential, c.On("apply"))
		}
	}
	refused := slices.ContainsFunc(report.Credentials, func(f *migrate.Credential) bool { return f.State == migrate.Refused })
	if !c.Given("output") && c.Get("query") == "" {
		report.Write(c.Program.Out)
		if refused {
			return nil, command.ExitStatus(1)
		}
		return nil, nil
	}
	document, err := json.Marshal(report)
	if err != nil {
		return nil, err
	}
	return value.Decode(document)
}

// planMigration asks the cluster.
func planMigration(ctx context.Context, c *command.Call) (migrate.Report, error) {
	where := []string{"--all-namespaces"}
	if namespace := c.Get("namespace"); namespace != "" {
		where = []string{"--namespace", namespace}
	}
	list, err := kube(ctx, c, append([]string{
		"get", "pods,serviceaccounts,azureidentities.aadpodidentity.k8s.io,azureidentitybindings.aadpodidentity.k8s.io", "-o", "json",
	}, where...)...)
	if err != nil {
		return migrate.Report{}, err
	}
	cluster, err := migrate.Read(list)
	if err != nil {
		return migrate.Report{}, err
	}
	o := migrate.Options{Issuer: c.Get("issuer"), Audience: c.Get("audience"), Namespaced: c.On("namespaced")}
	if o.Issuer == "" {
		said, err := kube(ctx, c, "get", "--raw", "/.well-known/openid-configuration")
		if err != nil {
			return migrate.Report{}, fmt.Errorf("asking the cluster for its issuer (--issuer names it): %w", err)
		}
		var discovery struct{ Issuer string }
		if err := json.Unmarshal(said, &discovery); err != nil {
			return migrate.Report{}, fmt.Errorf("reading what the cluster says of its issuer: %w", err)
		}
		o.Issuer = discovery.Issuer
	}
	return migrate.Plan(cluster, o), nil
}

// prepare finds out whether a credential is there, and makes it if it is to.
func prepare(ctx context.Context, client *azure.Client, r migrate.Report, f *migrate.Credential, apply bool) {
	t, err := trustOf(ctx, client, f)
	var there []any
	if err == nil {
		there, err = t.list(ctx)
	}
	for _, v := range there {
		o, _ := v.(*value.Object)
		trusts := o
		if !t.graph {
			trusts = o.Object("properties")
		}
		if trusts.String("issuer") == r.Issuer && trusts.String("subject") == f.Subject && slices.Contains(trusts.List("audiences"), any(r.Audience)) {
			f.State = migrate.Exists
			return
		}
	}
	if err == nil {
		f.State = migrate.Missing
		if !apply {
			return
		}
		if err = t.create(ctx, f.Name, r.Issuer, f.Subject, r.Audience); err == nil {
			f.State = migrate.Created
			return
		}
	}
	f.State, f.Reason = migrate.Refused, err.Error()
}

// trust is where an identity's federated credentials are: at the managed identity, or at the application.
type trust struct {
	client *azure.Client
	path   string
	graph  bool
}

func trustOf(ctx context.Context, client *azure.Client, f *migrate.Credential) (trust, error) {
	if f.ResourceID != "" {
		return trust{client, f.ResourceID + "/federatedIdentityCredentials", false}, nil
	}
	found, err := client.GraphList(ctx, "/applications", "appId eq '"+f.ClientID+"'")
	if err != nil {
		return trust{}, err
	}
	if len(found) == 0 {
		return trust{}, fmt.Errorf("there is no application with client ID %s in this tenant", f.ClientID)
	}
	o, _ := found[0].(*value.Object)
	return trust{client, "/applications/" + o.String("id") + "/federatedIdentityCredentials", true}, nil
}

func (t trust) list(ctx context.Context) ([]any, error) {
	if t.graph {
		return t.client.GraphList(ctx, t.path, "")
	}
	return t.client.List(ctx, t.path, federatedVersion)
}

func (t trust) create(ctx context.Context, name, issuer, subject, audience string) error {
	properties := value.NewObject("issuer", issuer, "subject", subject, "audiences", []any{audience})
	if t.graph {
		properties.Set("name", name)
		_, err := t.client.GraphDo(ctx, http.MethodPost, t.path, properties)
		return err
	}
	_, err := t.client.Do(ctx, http.MethodPut, t.path+"/"+name, federatedVersion, value.NewObject("properties", properties))
	return err
}
