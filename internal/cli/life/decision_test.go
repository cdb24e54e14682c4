package life

import "testing"

func TestShortScope(t *testing.T) {
	const subscription = "/subscriptions/c0230b0d-ffab-4e87-9c3d-87822026b742"
	for _, tc := range []struct{ scope, current, want string }{
		{subscription, subscription, "the subscription"},
		{subscription + "/resourceGroups/mine", subscription, "resource group mine"},
		{"/SUBSCRIPTIONS/C0230B0D-ffab-4e87-9c3d-87822026b742/resourcegroups/mine", subscription, "resource group mine"},
		{subscription + "/resourceGroups/mine/providers/Microsoft.Network/virtualNetworks/net", subscription, "net (Microsoft.Network/virtualNetworks) of resource group mine"},
		{subscription + "/resourceGroups/mine/providers/Microsoft.Network/virtualNetworks/net/subnets/s", subscription, subscription + "/resourceGroups/mine/providers/Microsoft.Network/virtualNetworks/net/subnets/s"},
		{"/subscriptions/another/resourceGroups/mine", subscription, "/subscriptions/another/resourceGroups/mine"},
		{subscription + "0/resourceGroups/mine", subscription, subscription + "0/resourceGroups/mine"},
		{subscription + "/resourceGroups/mine", "", subscription + "/resourceGroups/mine"},
	} {
		if got := shortScope(tc.scope, tc.current); got != tc.want {
			t.Errorf("%s: %q, want %q", tc.scope, got, tc.want)
		}
	}
}
