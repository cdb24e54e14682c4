package life

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/lanyard-project/lanyard/internal/cli/azure"
	"github.com/lanyard-project/lanyard/internal/cli/command"
	"github.com/lanyard-project/lanyard/internal/cli/grammar"
	"github.com/lanyard-project/lanyard/internal/cli/local"
	"github.com/lanyard-project/lanyard/internal/cli/print"
	"github.com/lanyard-project/lanyard/internal/cli/value"
)

func statusCommand() command.Table {
	return command.Table{Commands: []*command.Command{{
		Path: "status", Summary: "Show the cloud on this machine: clusters, nodes, identities, last refusals.",
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
			return nil, show(c.Program.Out, cloud, s)
		},
	}}}
}

// look asks the cloud what is there.
func look(ctx context.Context, c *command.Call, cloud *local.Cloud) (*value.Object, error) {
	client, err := administratorClient(c, cloud)
	if err != nil {
		return nil, err
	}
	s := value.NewObject("origin", cloud.Origin(), "process", value.Int(cloud.PID()))
	var clusters, identities []any
	list, err := client.List(ctx, client.Scope("providers/Microsoft.ContainerService/managedClusters"), "2022-11-01")
	if err != nil {
		return nil, err
	}
	for _, v := range list {
		o, _ := v.(*value.Object)
		nodes := 0
		var pools []string
		for _, p := range o.List("properties", "agentPoolProfiles") {
			p, _ := p.(*value.Object)
			count := fmt.Sprint(p.At("count"))
			pools = append(pools, p.String("name")+"×"+count)
			n := 0
			_, _ = fmt.Sscan(count, &n)
			nodes += n
		}
		clusters = append(clusters, value.NewObject("name", o.String("name"), "resourceGroup", groupOf(o.String("id")), "state", o.String("properties", "provisioningState"),
			"power", o.String("properties", "powerState", "code"), "version", o.String("properties", "currentKubernetesVersion"),
			"nodes", value.Int(nodes), "pools", strings.Join(pools, " "), "identity", o.String("identity", "type")))
	}
	if list, err = client.List(ctx, client.Scope("providers/Microsoft.ManagedIdentity/userAssignedIdentities"), "2022-01-31-preview"); err != nil {
		return nil, err
	}
	for _, v := range list {
		o, _ := v.(*value.Object)
		assigned, err := client.List(ctx, client.Scope("providers/Microsoft.Authorization/roleAssignments"), "2020-04-01-preview", "$filter", "principalId eq '"+o.String("properties", "principalId")+"'")
		if err != nil {
			return nil, err
		}
		identities = append(identities, value.NewObject("name", o.String("name"), "resourceGroup", groupOf(o.String("id")),
			"clientId", o.String("properties", "clientId"), "roles", value.Int(len(assigned))))
	}
	return s.Set("clusters", clusters).Set("identities", identities).Set("refusals", refusals(cloud.LogFile(), c.Get("refusals"))), nil
}

func administratorClient(c *command.Call, cloud *local.Cloud) (*azure.Client, error) {
	if err := signInQuietly(c, cloud); err != nil {
		return nil, err
	}
	registered, err := c.Folder().Cloud(cloudName)
	if err != nil {
		return nil, err
	}
	s, err := c.Folder().Subscription(cloudName, "")
	if err != nil {
		return nil, err
	}
	return c.ClientFor(registered, s)
}

// signInQuietly makes sure that the user's settings know this very cloud.
func signInQuietly(c *command.Call, cloud *local.Cloud) error {
	admin, err := cloud.Administrator()
	if err != nil {
		return err
	}
	s, err := c.Folder().Subscription(cloudName, "")
	if err == nil && s.ID == admin.SubscriptionID {
		return nil
	}
	return signIn(c, cloud)
}

func groupOf(id string) string {
	parts := strings.Split(id, "/")
	if len(parts) > 4 {
		return parts[4]
	}
	return ""
}

func show(out io.Writer, cloud *local.Cloud, s *value.Object) error {
	fmt.Fprintf(out, "lanyardd  %s  (process %d, state in %s)\n", cloud.Origin(), cloud.PID(), cloud.Dir)
	for _, part := range [][3]string{
		{"clusters", "Clusters", "none; `lanyard aks create` makes one"},
		{"identities", "Identities", "none; `lanyard identity create` makes one"},
		{"refusals", "Last refusals", "none"},
	} {
		rows := s.List(part[0])
		fmt.Fprintf(out, "\n%s\n", part[1])
		if len(rows) == 0 {
			fmt.Fprintf(out, "  %s\n", part[2])
			continue
		}
		table, err := print.Table(print.Answer{Document: rows, Queried: true})
		if err != nil {
			return err
		}
		for line := range strings.SplitSeq(strings.TrimRight(table, "\n"), "\n") {
			fmt.Fprintf(out, "  %s\n", line)
		}
	}
	return nil
}

// refusals are the last lines of the log that tell of one.
func refusals(file, limit string) []any {
	wanted := 5
	_, _ = fmt.Sscan(limit, &wanted)
	log, err := os.Open(file)
	if err != nil {
		return nil
	}
	defer log.Close()
	var last []any
	for scanner := bufio.NewScanner(log); scanner.Scan(); {
		fields := logfmt(scanner.Text())
		if fields["code"] == "" || fields["status"] != "403" && fields["status"] != "401" {
			continue
		}
		last = append(last, value.NewObject("time", fields["time"], "code", fields["code"], "who", first(fields["principal"], fields["caller"], fields["oid"]), "what", first(fields["path"], fields["action"], fields["msg"])))
		if len(last) > wanted {
			last = last[1:]
		}
	}
	return last
}

func first(candidates ...string) string {
	for _, c := range candidates {
		if c != "" {
			return c
		}
	}
	return ""
}

// logfmt reads key=value and key="value with spaces".
func logfmt(line string) map[string]string {
	fields := map[string]string{}
	for line != "" {
		key, rest, ok := strings.Cut(line, "=")
		if !ok {
			break
		}
		v := ""
		if strings.HasPrefix(rest, `"`) {
			end := strings.Index(rest[1:], `"`)
			if end < 0 {
				break
			}
			v, line = rest[1:end+1], strings.TrimPrefix(rest[end+2:], " ")
		} else {
			v, line, _ = strings.Cut(rest, " ")
		}
		fields[strings.TrimSpace(key)] = v
	}
	return fields
}
