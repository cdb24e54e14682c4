package containerservice

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
)

func TestNames(t *testing.T) {
	cluster := armid.ResourceGroup("6f1a2b3c-0000-4000-8000-000000000001", "myResourceGroup").Extension(namespace, "managedClusters", "1_myManagedCluster")
	digits := resourceDigits("demo")
	if len(digits) != 8 || strings.Trim(digits, "0123456789") != "" || digits != resourceDigits("demo") {
		t.Errorf("digits %q", digits)
	}
	got := []string{
		nodeResourceGroupName(cluster, "westus2"), scaleSetName("nodepool1", "12345678"), computerName("aks-nodepool1-12345678-vmss", 0),
		computerName("aks-nodepool1-12345678-vmss", 47), kubeletIdentityName("myManagedCluster"), defaultDNSPrefix(cluster), labelValue("MC_(rg)_x"),
	}
	want := []string{
		"MC_myResourceGroup_1_myManagedCluster_westus2", "aks-nodepool1-12345678-vmss", "aks-nodepool1-12345678-vmss000000",
		"aks-nodepool1-12345678-vmss00001b", "myManagedCluster-agentpool", "a1myManage-myResourceGroup-6f1a2b", "MC__rg__x",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
}

func TestPodBits(t *testing.T) {
	for maxPods, want := range map[int]int{10: 28, 14: 28, 15: 27, 30: 27, 31: 26, 110: 25, 250: 24} {
		if got := podBits(maxPods); got != want || 1<<(32-got)-2 < maxPods {
			t.Errorf("podBits(%d) = %d, want %d", maxPods, got, want)
		}
	}
}

func TestPodRange(t *testing.T) {
	if got, err := podRange("10.244.0.0/16", 255); err != nil || got != netip.MustParsePrefix("10.244.255.0/24") {
		t.Error(got, err)
	}
	for _, tc := range []struct {
		cidr string
		n    int
	}{{"10.244.0.0/16", 256}, {"10.244.0.0/25", 0}, {"255.255.255.0/24", 1}} {
		if got, err := podRange(tc.cidr, tc.n); err == nil {
			t.Errorf("%s, %d: %v, want an error", tc.cidr, tc.n, got)
		}
	}
}

// TestUnknownPropertiesSurvive keeps what the provider doesn't know, numbers as they were written included, and takes
// "" and 0 for "choose for me", as az sends them.
func TestUnknownPropertiesSurvive(t *testing.T) {
	d, err := parseDocument([]byte(`{"future":{"x":1.0},"dnsPrefix":"","agentPoolProfiles":[{"name":"p","count":0,"osDiskSizeGB":0,"spotMaxPrice":-1.0,"nodeTaints":[]}],"networkProfile":null}`))
	if err != nil {
		t.Fatal(err)
	}
	complete(d, facts{dnsPrefix: "made", nodeResourceGroup: "MC", location: "westus2", unique: "0123abcd", kubernetesVersion: "1.34.2", resourceUID: "u", managed: true})
	dropEmpty(d)
	raw, err := d.raw()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`"future":{"x":1.0}`, `"spotMaxPrice":-1.0`, `"dnsPrefix":"made"`, `"osDiskSizeGB":128`, `"fqdn":"made-0123abcd.hcp.westus2.azmk8s.io"`,
		`"networkPlugin":"azure"`, `"servicePrincipalProfile":{"clientId":"msi"}`, `"maxPods":30`,
	} {
		if !strings.Contains(string(raw), want) {
			t.Errorf("%s isn't in %s", want, raw)
		}
	}
	for _, not := range []string{"nodeTaints", "linuxProfile", "upgradeSettings", "identityProfile"} {
		if strings.Contains(string(raw), not) {
			t.Errorf("%s is in %s", not, raw)
		}
	}
}
