package groups

import (
	"strings"

	"github.com/lanyard-project/lanyard/internal/cli/command"
	"github.com/lanyard-project/lanyard/internal/cli/value"
)

// imageAlias is a name that az has for an image.
type imageAlias struct{ name, urn string }

// imageAliases are az 2.45's, in its order.
func imageAliases() []imageAlias {
	return []imageAlias{
		{"CentOS", "OpenLogic:CentOS:7.5:latest"}, {"Debian", "Debian:debian-10:10:latest"}, {"Flatcar", "kinvolk:flatcar-container-linux-free:stable:latest"},
		{"openSUSE-Leap", "SUSE:opensuse-leap-15-3:gen2:latest"}, {"RHEL", "RedHat:RHEL:7-LVM:latest"}, {"SLES", "SUSE:sles-15-sp3:gen2:latest"},
		{"UbuntuLTS", "Canonical:UbuntuServer:18.04-LTS:latest"},
		{"Win2022Datacenter", windowsServer + "2022-Datacenter:latest"}, {"Win2022AzureEditionCore", windowsServer + "2022-datacenter-azure-edition-core:latest"},
		{"Win2019Datacenter", windowsServer + "2019-Datacenter:latest"}, {"Win2016Datacenter", windowsServer + "2016-Datacenter:latest"},
		{"Win2012R2Datacenter", windowsServer + "2012-R2-Datacenter:latest"}, {"Win2012Datacenter", windowsServer + "2012-Datacenter:latest"},
		{"Win2008R2SP1", windowsServer + "2008-R2-SP1:latest"},
	}
}

const (
	windowsServer = "MicrosoftWindowsServer:WindowsServer:"
	// ubuntu2204 is an alias that newer az has.
	ubuntu2204 = "Ubuntu2204"
)

// imageOf reads an ID, a URN or one of az's aliases. Which image it is decides about the
// user: a Windows machine takes no key.
func imageOf(name string) (image *value.Object, windows bool, err error) {
	if strings.HasPrefix(name, "/") {
		return value.NewObject("id", name), false, nil
	}
	urn := name
	if name == ubuntu2204 {
		urn = "Canonical:0001-com-ubuntu-server-jammy:22_04-lts-gen2:latest"
	}
	var known []string
	for _, alias := range imageAliases() {
		known = append(known, "'"+alias.name+"'")
		if alias.name == name {
			urn = alias.urn
		}
	}
	parts := strings.Split(urn, ":")
	if len(parts) != 4 {
		return nil, false, command.Usage("Invalid image \"%s\". Use a valid image URN, custom image name, custom image id, VHD blob URI, or pick an image from [%s].\nSee vm create -h for more information on specifying an image.", name, strings.Join(known, ", "))
	}
	return value.NewObject("publisher", parts[0], "offer", parts[1], "sku", parts[2], "version", parts[3]), strings.HasPrefix(parts[0], "MicrosoftWindows"), nil
}
