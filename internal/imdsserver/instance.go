package imdsserver

import (
	"slices"
	"strconv"
	"strings"

	"github.com/lanyard-project/lanyard/internal/imds"
)

// document is what a machine reads at /metadata/instance. The cloud's nodes boot from no image and have no disks of
// their own, so what would describe those is empty, in its usual place.
func document(m Machine) imds.Instance {
	disk := imds.Disk{Caching: "ReadWrite", CreateOption: "FromImage", OSType: m.OSType}
	return imds.Instance{
		Compute: imds.Compute{
			AzEnvironment:              "AzurePublicCloud",
			AdditionalCapabilities:     imds.Capabilities{HibernationEnabled: "false"},
			IsHostCompatibilityLayerVM: "false",
			Location:                   m.Location,
			Name:                       m.Name,
			OSProfile: imds.OSProfile{
				AdminUsername: "azureuser", ComputerName: m.ComputerName, DisablePasswordAuthentication: "true",
			},
			OSType:                 m.OSType,
			PlatformFaultDomain:    "0",
			PlatformUpdateDomain:   "0",
			Priority:               "Regular",
			Provider:               "Microsoft.Compute",
			PublicKeys:             []imds.PublicKey{},
			ResourceGroupName:      m.ResourceGroup,
			ResourceID:             m.ResourceID,
			SecurityProfile:        imds.SecurityProfile{SecureBootEnabled: "false", VirtualTPMEnabled: "false"},
			StorageProfile:         imds.StorageProfile{DataDisks: []imds.Disk{}, OSDisk: disk},
			SubscriptionID:         m.SubscriptionID,
			Tags:                   flatTags(m.Tags),
			TagsList:               tagsList(m.Tags),
			VirtualMachineScaleSet: imds.Reference{ID: m.ScaleSetID},
			VMID:                   m.VMID,
			VMScaleSetName:         m.ScaleSetName,
			VMSize:                 m.VMSize,
			Zone:                   m.Zone,
		},
		Network: network(m),
	}
}

func network(m Machine) imds.Network {
	return imds.Network{Interface: []imds.Interface{{
		IPv4: imds.IPv4{
			IPAddress: []imds.IPAddress{{PrivateIPAddress: m.Address.String()}},
			Subnet: []imds.Subnet{{
				Address: m.Subnet.Masked().Addr().String(), Prefix: strconv.Itoa(m.Subnet.Bits()),
			}},
		},
		IPv6:       imds.IPv6{IPAddress: []imds.IPAddress{}},
		MACAddress: m.MAC,
	}}}
}

// flatTags writes tags as "k:v;k:v". Keys are sorted: Azure's order is not defined, ours is at least steady.
func flatTags(tags map[string]string) string {
	var pairs []string
	for _, tag := range tagsList(tags) {
		pairs = append(pairs, tag.Name+":"+tag.Value)
	}
	return strings.Join(pairs, ";")
}

func tagsList(tags map[string]string) []imds.Tag {
	list := make([]imds.Tag, 0, len(tags))
	for name, value := range tags {
		list = append(list, imds.Tag{Name: name, Value: value})
	}
	slices.SortFunc(list, func(a, b imds.Tag) int { return strings.Compare(a.Name, b.Name) })
	return list
}
