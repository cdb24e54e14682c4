package life

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lanyard-project/lanyard/internal/cli/azure"
	"github.com/lanyard-project/lanyard/internal/cli/command"
	"github.com/lanyard-project/lanyard/internal/cli/grammar"
	"github.com/lanyard-project/lanyard/internal/cli/local"
	"github.com/lanyard-project/lanyard/internal/cli/login"
	"github.com/lanyard-project/lanyard/internal/cli/print"
	"github.com/lanyard-project/lanyard/internal/cli/value"
	"github.com/lanyard-project/lanyard/internal/loopback"
)

func statusCommand() command.Table {
	return command.Table{Commands: []*command.Command{{
		Path: "status", Summary: "Show the cloud on this machine: clusters, nodes, identities, who holds which token, last refusals.",
		Arguments: append(cloudArguments(), grammar.Arg("--refusals", "Number of refusals to show.").Or("5")),
		Run: func(ctx context.Context, c *command.Call) (any, error) {
			cloud, err := cloudOf(c)
			if err != nil {
				return nil, err
			}
			if cloud.RunsAt() == "" {
				fmt.Fprintf(c.Program.Out, "no cloud runs in %s; `%s up` starts one\n", cloud.Dir, c.Program.Name)
				return nil, command.ExitStatus(3)
			}
			s, err := look(ctx, c, cloud)
			if err != nil {
				return nil, err
			}
			if c.Given("output") || c.Get("query") != "" {
				return s, nil
			}
			return nil, show(c.Program, command.Width(c.Program.Out), cloud, s)
		},
	}}}
}

// look asks the cloud what is there. What happened lately is in its record.
func look(ctx context.Context, c *command.Call, cloud *local.Cloud) (*value.Object, error) {
	client, err := administratorClient(c, cloud)
	if err != nil {
		return nil, err
	}
	limit, err := strconv.Atoi(c.Get("refusals"))
	if err != nil {
		return nil, command.Usage("argument --refusals: invalid int value: '%s'", c.Get("refusals"))
	}
	s := value.NewObject("origin", cloud.Origin(), "process", value.Int(cloud.PID()))
	clusters, owners, err := clusterRows(ctx, client)
	if err != nil {
		return nil, err
	}
	nodes, err := nodeRows(ctx, client, owners)
	if err != nil {
		return nil, err
	}
	identities, err := identityRows(ctx, client)
	if err != nil {
		return nil, err
	}
	addresses, err := addressRows(ctx, client)
	if err != nil {
		return nil, err
	}
	names := map[string]string{}
	principals, err := client.GraphList(ctx, "/servicePrincipals", "")
	if err != nil {
		return nil, err
	}
	for _, v := range principals {
		o, _ := v.(*value.Object)
		names[o.String("appId")] = o.String("displayName")
	}
	all, err := entries(cloud)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	if len(all) > 0 && all[len(all)-1].Time.After(now) {
		now = all[len(all)-1].Time // the cloud's clock was moved
	}
	return s.Set("clusters", clusters).Set("nodes", nodes).Set("addresses", addresses).Set("identities", identities).
		Set("tokens", holdings(all, now, names)).Set("refusals", refusals(all, limit, names)), nil
}

// clusterRows are the clusters, and which of them a node resource group belongs to.
func clusterRows(ctx context.Context, client *azure.Client) (rows []any, owners map[string]string, err error) {
	rows, owners = []any{}, map[string]string{}
	list, err := client.List(ctx, client.Scope("providers/Microsoft.ContainerService/managedClusters"), "2022-11-01")
	if azure.Code(err) == "InvalidResourceNamespace" { // lanyardd serve --clusters=none
		return rows, owners, nil
	}
	for _, v := range list {
		o, _ := v.(*value.Object)
		var pools []string
		for _, p := range o.List("properties", "agentPoolProfiles") {
			p, _ := p.(*value.Object)
			pools = append(pools, p.String("name")+"×"+fmt.Sprint(p.At("count")))
		}
		owners[strings.ToLower(o.String("properties", "nodeResourceGroup"))] = o.String("name")
		rows = append(rows, value.NewObject("name", o.String("name"), "resourceGroup", groupOf(o.String("id")), "state", o.String("properties", "provisioningState"),
			"power", o.String("properties", "powerState", "code"), "version", o.String("properties", "currentKubernetesVersion"),
			"pools", strings.Join(pools, " "), "identity", o.String("identity", "type")))
	}
	return rows, owners, err
}

// nodeRows are the machines of the scale sets that clusters own.
func nodeRows(ctx context.Context, client *azure.Client, owners map[string]string) ([]any, error) {
	const version = "2022-08-01"
	rows := []any{}
	for group, cluster := range owners {
		sets, err := client.List(ctx, client.Group(group, "providers/Microsoft.Compute/virtualMachineScaleSets"), version)
		if azure.NotFound(err) {
			continue // the cluster is being created or deleted
		}
		if err != nil {
			return nil, err
		}
		for _, v := range sets {
			set, _ := v.(*value.Object)
			machines, err := client.List(ctx, set.String("id")+"/virtualMachines", version)
			if err != nil {
				return nil, err
			}
			for _, v := range machines {
				o, _ := v.(*value.Object)
				rows = append(rows, value.NewObject("name", first(o.String("properties", "osProfile", "computerName"), o.String("name")), "cluster", cluster,
					"state", o.String("properties", "provisioningState"), "size", o.String("sku", "name"),
					"identities", value.Int(set.Object("identity", "userAssignedIdentities").Len())))
			}
		}
	}
	slices.SortFunc(rows, func(a, b any) int {
		return strings.Compare(a.(*value.Object).String("name"), b.(*value.Object).String("name"))
	})
	return rows, nil
}

// addressRows are the public addresses that load balancers have rules for, with where they are found on this machine.
func addressRows(ctx context.Context, client *azure.Client) ([]any, error) {
	const version = "2023-09-01"
	rows := []any{}
	balancers, err := client.List(ctx, client.Scope("providers/Microsoft.Network/loadBalancers"), version)
	if err != nil || len(balancers) == 0 {
		return rows, err
	}
	publics, err := client.List(ctx, client.Scope("providers/Microsoft.Network/publicIPAddresses"), version)
	if err != nil {
		return nil, err
	}
	numbers, services := map[string]string{}, map[string]string{}
	for _, v := range publics {
		o, _ := v.(*value.Object)
		id := strings.ToLower(o.String("id"))
		numbers[id], services[id] = o.String("properties", "ipAddress"), o.String("tags", "k8s-azure-service")
	}
	for _, v := range balancers {
		o, _ := v.(*value.Object)
		at := map[string]string{}
		for _, f := range o.List("properties", "frontendIPConfigurations") {
			f, _ := f.(*value.Object)
			at[strings.ToLower(f.String("id"))] = strings.ToLower(f.String("properties", "publicIPAddress", "id"))
		}
		for _, r := range o.List("properties", "loadBalancingRules") {
			r, _ := r.(*value.Object)
			id := at[strings.ToLower(r.String("properties", "frontendIPConfiguration", "id"))]
			public, err := netip.ParseAddr(numbers[id])
			if err != nil || !strings.EqualFold(r.String("properties", "protocol"), "Tcp") {
				continue // inside a network, or not relayed
			}
			port := fmt.Sprint(r.At("properties", "frontendPort"))
			rows = append(rows, value.NewObject("service", services[id], "publicAddress", public.String()+":"+port, "onThisMachine", loopback.Of(public).String()+":"+port))
		}
	}
	return rows, nil
}

// identityRows are the user-assigned identities with how many roles they have.
func identityRows(ctx context.Context, client *azure.Client) ([]any, error) {
	list, err := client.List(ctx, client.Scope("providers/Microsoft.ManagedIdentity/userAssignedIdentities"), "2022-01-31-preview")
	if err != nil {
		return nil, err
	}
	assigned, err := client.List(ctx, client.Scope("providers/Microsoft.Authorization/roleAssignments"), "2020-04-01-preview")
	if err != nil {
		return nil, err
	}
	roles := map[string]int{}
	for _, v := range assigned {
		o, _ := v.(*value.Object)
		roles[o.String("properties", "principalId")]++
	}
	rows := []any{}
	for _, v := range list {
		o, _ := v.(*value.Object)
		rows = append(rows, value.NewObject("name", o.String("name"), "resourceGroup", groupOf(o.String("id")),
			"clientId", o.String("properties", "clientId"), "roles", value.Int(roles[o.String("properties", "principalId")])))
	}
	return rows, nil
}

// administratorClient speaks as the administrator of the cloud, whoever is signed in.
func administratorClient(c *command.Call, cloud *local.Cloud) (*azure.Client, error) {
	admin, err := cloud.Administrator()
	if err != nil {
		return nil, err
	}
	known := known(cloud)
	transport, err := c.Transport(known)
	if err != nil {
		return nil, err
	}
	token, err := administratorOf(admin).Token(admin.TenantID, login.Options{Cloud: known, Transport: transport, Folder: c.Folder()})
	if err != nil {
		return nil, err
	}
	return azure.New(known, admin.TenantID, admin.SubscriptionID, token, transport, c.Program.Version)
}

func groupOf(id string) string {
	parts := strings.Split(id, "/")
	if len(parts) > 4 {
		return parts[4]
	}
	return ""
}

// show prints what look found; width is that of the terminal, 0 for what is none.
func show(p *command.Program, width int, cloud *local.Cloud, s *value.Object) error {
	bold, plain := "", ""
	if p.Color {
		bold, plain = "\x1b[1m", "\x1b[0m"
	}
	fmt.Fprintln(p.Out, print.Wrap(fmt.Sprintf("lanyardd  %s  (process %d, state in %s)", cloud.Origin(), cloud.PID(), cloud.Dir), "", width))
	for _, part := range [][3]string{
		{"clusters", "Clusters", "none; `lanyard aks create` makes one"},
		{"nodes", "Nodes", "none"},
		{"addresses", "Public addresses", "none; a Service of type LoadBalancer makes one"},
		{"identities", "Identities", "none; `lanyard identity create` makes one"},
		{"tokens", "Who holds a token", "nobody"},
		{"refusals", "Last refusals", "none"},
	} {
		rows := s.List(part[0])
		fmt.Fprintf(p.Out, "\n%s%s%s\n", bold, part[1], plain)
		if len(rows) == 0 {
			fmt.Fprintf(p.Out, "  %s\n", part[2])
			continue
		}
		table, err := print.Table(print.Answer{Document: print.Fit(fewerLetters(rows, width), width-2), Queried: true})
		if err != nil {
			return err
		}
		for line := range strings.SplitSeq(strings.TrimRight(table, "\n"), "\n") {
			fmt.Fprintf(p.Out, "  %s\n", line)
		}
	}
	return nil
}

// roomy is the width of a terminal from which on nothing needs to be said in fewer letters.
const roomy = 120

// fewerLetters are the rows for a narrow terminal: no column is narrower than its heading, and of an audience the host tells most.
func fewerLetters(rows []any, width int) []any {
	if width == 0 || width >= roomy {
		return rows
	}
	made := make([]any, len(rows))
	for i, v := range rows {
		old, _ := v.(*value.Object)
		row := value.NewObject()
		for _, key := range old.Keys() {
			switch cell := old.At(key); key {
			case "resourceGroup":
				row.Set("group", cell)
			case "audience":
				row.Set(key, strings.TrimPrefix(old.String(key), "https://"))
			default:
				row.Set(key, cell)
			}
		}
		made[i] = row
	}
	return made
}
