package groups

import (
	"context"
	"net/http"
	"strings"

	"github.com/lanyard-project/lanyard/internal/cli/azure"
	"github.com/lanyard-project/lanyard/internal/cli/command"
	"github.com/lanyard-project/lanyard/internal/cli/value"
)

// The newest version that both az's models here and the service know.
const computeVersion = "2022-08-01"

func computeGroup() command.Table {
	scaleSet := family{kind: kind{version: computeVersion, service: "compute", model: "VirtualMachineScaleSet"}, words: "vmss", what: "scale set", provider: "Microsoft.Compute/virtualMachineScaleSets"}
	scaleSet.table = func(v any) any {
		rows, _ := v.([]any)
		made := make([]any, len(rows))
		for i, row := range rows {
			o, _ := row.(*value.Object)
			zones := make([]string, 0, 3)
			for _, z := range o.List("zones") {
				zone, _ := z.(string)
				zones = append(zones, zone)
			}
			text := strings.Join(zones, " ")
			if text == "" {
				text = " "
			}
			made[i] = value.NewObject("Name", o.String("name"), "ResourceGroup", o.String("resourceGroup"), "Location", o.String("location"), "Zones", text,
				"Capacity", o.At("sku", "capacity"), "Overprovision", o.At("overprovision"), "UpgradePolicy", o.At("upgradePolicy", "mode"))
		}
		return made
	}
	machine := machineFamily()
	commands := append(scaleSet.reading(), machineCommands(machine)...)
	commands = append(commands, identityCommands(scaleSet.complete())...)
	commands = append(commands, identityCommands(machine.complete())...)
	commands = append(commands, &command.Command{
		Path: "vmss list-instances", Summary: "List the machines of a scale set.", Arguments: scaleSet.names(),
		Run: func(ctx context.Context, c *command.Call) (any, error) {
			client, err := c.Client()
			if err != nil {
				return nil, err
			}
			f := scaleSet.complete()
			all, err := client.List(ctx, f.path(client, c)+"/virtualMachines", computeVersion)
			if err != nil {
				return nil, err
			}
			return kind{service: "compute", model: "VirtualMachineScaleSetVM"}.shaped(all), nil
		},
	})
	return command.Table{
		Groups: []command.Group{
			{Path: "vmss", Summary: "Scale sets of virtual machines."}, {Path: "vmss identity", Summary: "Identities of a scale set."},
			{Path: "vm", Summary: "Virtual machines."}, {Path: "vm identity", Summary: "Identities of a virtual machine."},
		},
		Commands: commands,
	}
}

// systemIdentity is how az names the system-assigned identity.
const systemIdentity = "[system]"

func identityCommands(f family) []*command.Command {
	ids := list("--identities", "IDs or names of identities; "+systemIdentity+" is the system-assigned one.").Completes("identity-id")
	return []*command.Command{
		{
			Path: f.words + " identity show", Summary: "Show the identities.", Arguments: f.names(),
			Run: func(ctx context.Context, c *command.Call) (any, error) {
				v, err := f.show(ctx, c)
				if err != nil {
					return nil, err
				}
				identity, _ := v.(*value.Object).Get("identity")
				return identity, nil
			},
		},
		{
			Path: f.words + " identity assign", Summary: "Give it identities.", Run: f.assignIdentities,
			Arguments: append(f.names(), ids.Of(grammarAny), arg("--role", "Role of the system-assigned identity.").Or("Contributor"), arg("--scope", "Scope of that role.")),
		},
		{Path: f.words + " identity remove", Summary: "Take identities from it.", Arguments: append(f.names(), ids), Run: f.removeIdentities},
	}
}

// identitiesNamed splits what an option says into IDs and the system-assigned one. A bare
// name is an identity of the same group.
func identitiesNamed(client *azure.Client, c *command.Call, option string) (ids []string, system bool) {
	words := c.List(option)
	if len(words) == 0 {
		return nil, true
	}
	for _, word := range words {
		switch {
		case word == systemIdentity:
			system = true
		case strings.HasPrefix(word, "/"):
			ids = append(ids, word)
		default:
			ids = append(ids, client.Group(c.Get("resource-group"), "providers", identityProvider, word))
		}
	}
	return ids, system
}

func (f family) assignIdentities(ctx context.Context, c *command.Call) (any, error) {
	client, err := c.Client()
	if err != nil {
		return nil, err
	}
	current, err := client.Get(ctx, f.path(client, c), f.version)
	if err != nil {
		return nil, err
	}
	ids, system := identitiesNamed(client, c, "identities")
	had := current.String("identity", "type")
	system = system || strings.Contains(had, "SystemAssigned")
	identity := value.NewObject("type", identityType(system, len(ids) > 0 || strings.Contains(had, "UserAssigned")))
	if len(ids) > 0 {
		users := value.NewObject()
		for _, id := range ids {
			users.Set(id, value.NewObject())
		}
		identity.Set("userAssignedIdentities", users)
	}
	if _, err := finish(ctx, c, client, http.MethodPatch, f.path(client, c), f.version, value.NewObject("identity", identity)); err != nil {
		return nil, err
	}
	changed, err := client.Get(ctx, f.path(client, c), f.version)
	if err != nil {
		return nil, err
	}
	principal := changed.String("identity", "principalId")
	if scope := c.Get("scope"); scope != "" && principal != "" {
		if err := grantRole(ctx, c, client, c.Get("role"), principal, scope); err != nil {
			return nil, err
		}
	}
	return identityInfo(c, changed), nil
}

// identityInfo is what az tells about the identities that something was given.
func identityInfo(c *command.Call, o *value.Object) *value.Object {
	users, _ := o.Object("identity").Get("userAssignedIdentities")
	if users == nil {
		users = value.NewObject()
	}
	info := value.NewObject("systemAssignedIdentity", o.String("identity", "principalId"), "userAssignedIdentities", users)
	if scope := c.Get("scope"); scope != "" {
		info.Set("scope", scope).Set("role", c.Get("role"))
	}
	return info
}

func identityType(system, user bool) string {
	switch {
	case system && user:
		return "SystemAssigned, UserAssigned"
	case user:
		return "UserAssigned"
	case system:
		return "SystemAssigned"
	}
	return "None"
}

func (f family) removeIdentities(ctx context.Context, c *command.Call) (any, error) {
	client, err := c.Client()
	if err != nil {
		return nil, err
	}
	current, err := client.Get(ctx, f.path(client, c), f.version)
	if err != nil {
		return nil, err
	}
	ids, system := identitiesNamed(client, c, "identities")
	users := current.Object("identity", "userAssignedIdentities")
	patch := value.NewObject()
	var missing []string
	for _, id := range ids {
		found := false
		for _, key := range users.Keys() {
			if strings.EqualFold(key, id) {
				patch.Set(key, nil)
				found = true
			}
		}
		if !found {
			missing = append(missing, id)
		}
	}
	if len(missing) > 0 {
		return nil, command.Usage("'%s' are not associated with '%s'", strings.ToLower(strings.Join(missing, ",")), c.Get("name"))
	}
	had := current.String("identity", "type")
	if system && !strings.Contains(had, "SystemAssigned") {
		return nil, command.Usage("System identity is not associated with '%s'", c.Get("name"))
	}
	left := users.Len() - patch.Len()
	identity := value.NewObject("type", identityType(strings.Contains(had, "SystemAssigned") && !system, left > 0))
	if patch.Len() > 0 && left > 0 {
		identity.Set("userAssignedIdentities", patch)
	}
	v, err := finish(ctx, c, client, http.MethodPatch, f.path(client, c), f.version, value.NewObject("identity", identity))
	if err != nil || v == nil {
		return nil, err
	}
	shown, _ := f.shaped(v).(*value.Object)
	after, _ := shown.Get("identity")
	return after, nil
}
