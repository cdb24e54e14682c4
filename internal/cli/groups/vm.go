package groups

import (
	"context"
	"net/http"
	"strings"

	"github.com/lanyard-project/lanyard/internal/cli/azure"
	"github.com/lanyard-project/lanyard/internal/cli/command"
	"github.com/lanyard-project/lanyard/internal/cli/value"
)

const machineProvider = "Microsoft.Compute/virtualMachines"

func machineFamily() family {
	f := family{kind: kind{version: computeVersion, service: "compute", model: "VirtualMachine"}, words: "vm", what: "virtual machine", provider: machineProvider, confirm: command.Sure}
	f.table = func(v any) any {
		rows, many := v.([]any)
		if !many {
			return machineRow(v)
		}
		made := make([]any, len(rows))
		for i := range rows {
			made[i] = machineRow(rows[i])
		}
		return made
	}
	return f
}

func machineRow(v any) any {
	o, _ := v.(*value.Object)
	var zones []string
	for _, z := range o.List("zones") {
		if zone, ok := z.(string); ok {
			zones = append(zones, zone)
		}
	}
	return value.NewObject("name", o.String("name"), "resourceGroup", o.String("resourceGroup"), "powerState", o.At("powerState"), "publicIps", o.At("publicIps"),
		"fqdns", o.At("fqdns"), "location", o.String("location"), "zones", strings.Join(zones, ","))
}

// machineCommands are those of vm, without its identities.
func machineCommands(f family) []*command.Command {
	details := flag("--show-details -d", "With the power state and the addresses, which takes a request for each.")
	commands := f.reading()
	for _, c := range commands {
		run := c.Run
		switch c.Path {
		case "vm show":
			c.Table, c.Arguments = f.table, append(c.Arguments, details)
		case "vm list":
			c.Arguments = append(c.Arguments, details)
		default:
			continue
		}
		c.Run = func(ctx context.Context, c *command.Call) (any, error) {
			v, err := run(ctx, c)
			if err != nil || !c.On("show-details") {
				return v, err
			}
			return f.detailed(ctx, c, v)
		}
	}
	whole := f.complete()
	for _, a := range []struct{ word, action, what string }{
		{"start", "start", "Start a stopped machine."}, {"restart", "restart", "Restart a machine."}, {"redeploy", "redeploy", "Move a machine to another host."},
		{"stop", "powerOff", "Power a machine off; it stays where it is, and is paid for."}, {"deallocate", "deallocate", "Power a machine off and give its host back."},
	} {
		run := whole.act(a.action)
		if a.word == "stop" {
			run = warned(run)
		}
		commands = append(commands, &command.Command{Path: "vm " + a.word, Summary: a.what, Arguments: f.names(), NoWait: true, Run: run})
	}
	viewed := whole
	viewed.path = func(client *azure.Client, c *command.Call) string {
		return whole.path(client, c) + "?$expand=instanceView"
	}
	return append(commands, createMachineCommand(f),
		&command.Command{Path: "vm get-instance-view", Summary: "Show a machine with how it runs.", Arguments: f.names(), Run: viewed.show, Table: func(v any) any {
			o, _ := v.(*value.Object)
			row, _ := columns("Name", "name", "ResourceGroup", "resourceGroup", "Location", "location", "ProvisioningState", "provisioningState")(o).(*value.Object)
			return row.Set("PowerState", powerOf(o.Object("instanceView")))
		}},
		&command.Command{Path: "vm update", Summary: "Change properties of a machine.", Arguments: append(f.names(), genericUpdate()...), NoWait: true, Run: func(ctx context.Context, c *command.Call) (any, error) {
			return whole.change(ctx, c, func(o *value.Object) error { return applyGeneric(c, o) })
		}},
		&command.Command{Path: "vm wait", Summary: "Wait until a condition of a machine holds.", Arguments: append(f.names(), waitArguments()...), Run: viewed.wait},
	)
}

// warned says what stopping a machine doesn't do.
func warned(stop func(context.Context, *command.Call) (any, error)) func(context.Context, *command.Call) (any, error) {
	return func(ctx context.Context, c *command.Call) (any, error) {
		c.Warn("About to power off the specified VM...\nIt will continue to be billed. To deallocate a VM, run: az vm deallocate.")
		return stop(ctx, c)
	}
}

// detailed adds the power state and the addresses to machines.
func (f family) detailed(ctx context.Context, c *command.Call, v any) (any, error) {
	client, err := c.Client()
	if err != nil {
		return nil, err
	}
	rows, many := v.([]any)
	if !many {
		rows = []any{v}
	}
	for _, row := range rows {
		if err := addDetails(ctx, client, row.(*value.Object)); err != nil {
			return nil, err
		}
	}
	return v, nil
}

func addDetails(ctx context.Context, client *azure.Client, machine *value.Object) error {
	view, err := client.Get(ctx, machine.String("id")+"/instanceView", computeVersion)
	if err != nil {
		return err
	}
	found := map[string][]string{}
	add := func(key, text string) {
		if text != "" {
			found[key] = append(found[key], text)
		}
	}
	add("powerState", powerOf(view))
	for _, v := range machine.List("networkProfile", "networkInterfaces") {
		reference, _ := v.(*value.Object)
		card, err := client.Get(ctx, reference.String("id"), networkVersion)
		if err != nil {
			return err
		}
		add("macAddresses", card.String("properties", "macAddress"))
		for _, v := range card.List("properties", "ipConfigurations") {
			address, _ := v.(*value.Object)
			add("privateIps", address.String("properties", "privateIPAddress"))
			id := address.String("properties", "publicIPAddress", "id")
			if id == "" {
				continue
			}
			public, err := client.Get(ctx, id, networkVersion)
			if err != nil {
				return err
			}
			add("publicIps", public.String("properties", "ipAddress"))
			add("fqdns", public.String("properties", "dnsSettings", "fqdn"))
		}
	}
	for _, key := range []string{"powerState", "publicIps", "fqdns", "privateIps", "macAddresses"} {
		machine.Set(key, strings.Join(found[key], ","))
	}
	return nil
}

// powerOf is the power state of an instance view.
func powerOf(view *value.Object) string {
	for _, v := range view.List("statuses") {
		status, _ := v.(*value.Object)
		if strings.HasPrefix(status.String("code"), "PowerState/") {
			return status.String("displayStatus")
		}
	}
	return ""
}

// made puts a resource that a machine needs and waits for it, whatever --no-wait says.
func made(ctx context.Context, client *azure.Client, path, version string, body *value.Object) error {
	operation, err := client.Begin(ctx, http.MethodPut, path, version, body)
	if err != nil {
		return err
	}
	_, err = operation.Wait(ctx)
	return err
}
