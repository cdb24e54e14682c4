package groups

import (
	"context"
	"encoding/base64"
	"net/http"

	"github.com/lanyard-project/lanyard/internal/cli/azure"
	"github.com/lanyard-project/lanyard/internal/cli/command"
	"github.com/lanyard-project/lanyard/internal/cli/value"
)

func createMachineCommand(f family) *command.Command {
	return &command.Command{
		Path: "vm create", Summary: "Create a virtual machine, with what of a network it needs and wasn't given.", NoWait: true, Run: f.complete().createMachine,
		Arguments: append(f.newNames(),
			arg("--image", "Alias (UbuntuLTS, Debian, RHEL, …), URN PUBLISHER:OFFER:SKU:VERSION, or the ID of an image.").Required(),
			arg("--size", "Size.").Or("Standard_DS1_v2"), arg("--computer-name", "Name of the host; that of the machine unless given."),
			arg("--admin-username", "User.").Or("azureuser"), arg("--admin-password", "Password of the user, in the place of a key or beside it.").Hidden(), arg("--authentication-type", "How the user signs in; by password if there is one, else by key.").Choices(byAll, byPassword, byKey),
			arg("--ssh-key-value --ssh-key-values", "Public key, or the file of one.").Or("~/.ssh/id_rsa.pub"), flag("--generate-ssh-keys", "Make the key pair if it isn't there."),
			list("--assign-identity", "Give it identities: "+systemIdentity+", which is meant without a value, or IDs or names.").Of(grammarAny).Completes("identity-id"),
			arg("--role", "Role of the system-assigned identity.").Or("Contributor"), arg("--scope", "Scope of that role."),
			list("--nics", "Names or IDs of network interfaces; none is made then."),
			arg("--vnet-name", "Network; one that the group has in this location, or a new one, unless given."), arg("--subnet", "Name of a subnet in it, or its ID."),
			arg("--vnet-address-prefix", "Addresses of a new network.").Or("10.0.0.0/16"), arg("--subnet-address-prefix", "Addresses of its subnet.").Or("10.0.0.0/24"),
			arg("--nsg", "Network security group; \"\" for none, a new one unless given."), arg("--public-ip-address", "Public address; \"\" for none, a new one unless given."),
			arg("--public-ip-sku", "SKU of a new public address.").Choices("Basic", "Standard").Or("Basic"),
			arg("--os-disk-size-gb", "Size of its disk."), arg("--storage-sku", "SKU of its disk.").Or("Premium_LRS"), arg("--zone -z", "Zone."), arg("--custom-data", "What the machine reads at its first start."),
			location(), tags()),
		Examples: []command.Example{
			{Title: "Create a machine with a system-assigned identity that may read its group.", Line: "lanyard vm create -g MyResourceGroup -n MyVm --image UbuntuLTS --generate-ssh-keys --assign-identity --role Reader --scope /subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/MyResourceGroup"},
			{Title: "Create one that wears a user-assigned identity and has no public address.", Line: "lanyard vm create -g MyResourceGroup -n MyVm --image Debian --generate-ssh-keys --assign-identity MyIdentity --public-ip-address ''"},
		},
	}
}

func (f family) createMachine(ctx context.Context, c *command.Call) (any, error) {
	client, err := c.Client()
	if err != nil {
		return nil, err
	}
	where, err := groupLocation(ctx, c, client)
	if err != nil {
		return nil, err
	}
	properties, err := machineProperties(c)
	if err != nil {
		return nil, err
	}
	cards, err := machineNetwork(ctx, c, client, where)
	if err != nil {
		return nil, err
	}
	properties.Set("networkProfile", value.NewObject("networkInterfaces", cards))
	body := withTags(c, value.NewObject("location", where, "properties", properties))
	if zone := c.Get("zone"); zone != "" {
		body.Set("zones", value.Strings([]string{zone}))
	}
	if c.Given("assign-identity") {
		ids, system := identitiesNamed(client, c, "assign-identity")
		identity := value.NewObject("type", identityType(system, len(ids) > 0))
		if len(ids) > 0 {
			users := value.NewObject()
			for _, id := range ids {
				users.Set(id, value.NewObject())
			}
			identity.Set("userAssignedIdentities", users)
		}
		body.Set("identity", identity)
	}
	if v, err := finish(ctx, c, client, http.MethodPut, f.path(client, c), f.version, body); err != nil || v == nil {
		return nil, err
	}
	return f.created(ctx, c, client)
}

// created is what az tells about a new machine; the role of its identity is granted on the way.
func (f family) created(ctx context.Context, c *command.Call, client *azure.Client) (any, error) {
	o, err := client.Get(ctx, f.path(client, c), f.version)
	if err != nil {
		return nil, err
	}
	machine, _ := f.shaped(o).(*value.Object)
	if err := addDetails(ctx, client, machine); err != nil {
		return nil, err
	}
	zones, _ := machineRow(machine).(*value.Object)
	told := value.NewObject("id", machine.String("id"), "resourceGroup", c.Get("resource-group"), "powerState", machine.String("powerState"), "publicIpAddress", machine.String("publicIps"),
		"fqdns", machine.String("fqdns"), "privateIpAddress", machine.String("privateIps"), "macAddress", machine.String("macAddresses"), "location", machine.String("location"), "zones", zones.String("zones"))
	if !c.Given("assign-identity") {
		return told, nil
	}
	principal := o.String("identity", "principalId")
	if scope := c.Get("scope"); scope != "" && principal != "" {
		if err := grantRole(ctx, c, client, c.Get("role"), principal, scope); err != nil {
			return nil, err
		}
	}
	return told.Set("identity", identityInfo(c, o)), nil
}

// machineProperties is the machine itself: size, image, disk, user.
func machineProperties(c *command.Call) (*value.Object, error) {
	image, windows, err := imageOf(c.Get("image"))
	if err != nil {
		return nil, err
	}
	disk := value.NewObject("createOption", "FromImage", "caching", "ReadWrite", "managedDisk", value.NewObject("storageAccountType", c.Get("storage-sku")))
	if size := c.Get("os-disk-size-gb"); size != "" {
		n, err := value.Decode([]byte(size))
		if err != nil {
			return nil, command.Usage("argument --os-disk-size-gb: invalid int value: '%s'", size)
		}
		disk.Set("diskSizeGB", n)
	}
	profile, err := machineUser(c, windows)
	if err != nil {
		return nil, err
	}
	if data := c.Get("custom-data"); data != "" {
		profile.Set("customData", base64.StdEncoding.EncodeToString([]byte(data)))
	}
	return value.NewObject("hardwareProfile", value.NewObject("vmSize", c.Get("size")), "storageProfile", value.NewObject("imageReference", image, "osDisk", disk), "osProfile", profile), nil
}
