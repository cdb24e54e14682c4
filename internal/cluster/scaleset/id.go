package scaleset

import (
	"fmt"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/arm"
)

const (
	setType      = "Microsoft.Compute/virtualMachineScaleSets"
	instanceType = setType + "/virtualMachines"
	machineType  = "Microsoft.Compute/virtualMachines"
	providerURI  = "azure://"
)

// ID names what identities are put on: a scale set in uniform orchestration, or
// a virtual machine that has identities of its own, single or of a scale set in
// flexible orchestration. All parts are in lower case, so that two spellings of
// one resource are equal. It is the key of the ARM work queue.
type ID struct {
	Subscription, ResourceGroup, Name string
	// Machine says that it is a virtual machine.
	Machine bool
}

// String returns the resource ID.
func (id ID) String() string {
	kind := setType
	if id.Machine {
		kind = machineType
	}
	return fmt.Sprintf("/subscriptions/%s/resourcegroups/%s/providers/%s/%s",
		id.Subscription, id.ResourceGroup, strings.ToLower(kind), id.Name)
}

// Kind says in words what it is.
func (id ID) Kind() string {
	if id.Machine {
		return "virtual machine"
	}
	return "scale set"
}

// ParseID reads the resource ID of a scale set or virtual machine.
func ParseID(text string) (ID, error) {
	parsed, err := arm.ParseResourceID(text)
	if err != nil {
		return ID{}, fmt.Errorf("parsing scale set ID: %w", err)
	}
	return fromResource(parsed, text)
}

// FromProviderID returns what the identities of a node are put on, from the
// node's spec.providerID. Instances of a scale set in uniform orchestration have
// none of their own; all other machines have.
func FromProviderID(providerID string) (ID, error) {
	path, ok := strings.CutPrefix(providerID, providerURI)
	if !ok {
		return ID{}, fmt.Errorf("provider ID %q isn't Azure's", providerID)
	}
	parsed, err := arm.ParseResourceID(path)
	if err != nil {
		return ID{}, fmt.Errorf("parsing provider ID: %w", err)
	}
	switch kind := parsed.ResourceType.String(); {
	case strings.EqualFold(kind, instanceType):
		return fromResource(parsed.Parent, providerID)
	case strings.EqualFold(kind, machineType):
		return fromResource(parsed, providerID)
	}
	return ID{}, fmt.Errorf("provider ID %q is neither of a virtual machine nor of an instance of a scale set", providerID)
}

func fromResource(r *arm.ResourceID, text string) (ID, error) {
	machine := strings.EqualFold(r.ResourceType.String(), machineType)
	if (!machine && !strings.EqualFold(r.ResourceType.String(), setType)) ||
		r.SubscriptionID == "" || r.ResourceGroupName == "" || r.Name == "" {
		return ID{}, fmt.Errorf("%q names neither a scale set nor a virtual machine", text)
	}
	return ID{
		Subscription:  strings.ToLower(r.SubscriptionID),
		ResourceGroup: strings.ToLower(r.ResourceGroupName),
		Name:          strings.ToLower(r.Name),
		Machine:       machine,
	}, nil
}
