package compute

import "testing"

func TestIsMachineKey(t *testing.T) {
	const set = "/lanyard/resources/subscriptions/s/resourcegroups/g/providers/microsoft.compute/virtualmachinescalesets/v"
	for key, want := range map[string]bool{
		set: true, set + "/virtualmachines/0": true, set + "/extensions/0": false,
		set + "/providers/microsoft.authorization/roleassignments/a":                   false,
		set + "/virtualmachines/0/providers/microsoft.authorization/roleassignments/a": false,
		"/lanyard/resources/subscriptions/s/resourcegroups/g":                          false,
	} {
		if got := isMachineKey(key); got != want {
			t.Errorf("%s: got %v, want %v", key, got, want)
		}
	}
}
