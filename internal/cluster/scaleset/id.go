package scaleset

import (
	"fmt"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/arm"
)

const (
	setType      = "Microsoft.Compute/virtualMachineScaleSets"
	instanceType = setType + "/virtualMachines"
	providerURI  = "azure://"
)

// ID names a scale set. All parts are in lower case, so that two spellings of
// one scale set are equal. It is the key of the ARM work queue.
type ID struct {
	Subscription, ResourceGroup, Name string
}

// String returns the resource ID.
func (id ID) String() string {
	return fmt.Sprintf("/subscriptions/%s/resourcegroups/%s/providers/%s/%s",
		id.Subscription, id.ResourceGroup, strings.ToLower(setType), id.Name)
}

// ParseID reads the resource ID of a scale set.
func ParseID(text string) (ID, error) {
	parsed, err := arm.ParseResourceID(text)
	if err != nil {
		return ID{}, fmt.Errorf("parsing scale set ID: %w", err)
	}
	return fromResource(parsed, text)
}

// FromProviderID returns the scale set of a node from its spec.providerID.
func FromProviderID(providerID string) (ID, error) {
	path, ok := strings.CutPrefix(providerID, providerURI)
	if !ok {
		return ID{}, fmt.Errorf("provider ID %q isn't Azure's", providerID)
	}
	parsed, err := arm.ParseResourceID(path)
	if err != nil {
		return ID{}, fmt.Errorf("parsing provider ID: %w", err)
	}
	if !strings.EqualFold(parsed.ResourceType.String(), instanceType) {
		return ID{}, fmt.Errorf("provider ID %q isn't of an instance of a virtual machine scale set", providerID)
	}
	return fromResource(parsed.Parent, providerID)
}

func fromResource(r *arm.ResourceID, text string) (ID, error) {
	if !strings.EqualFold(r.ResourceType.String(), setType) || r.SubscriptionID == "" || r.ResourceGroupName == "" || r.Name == "" {
		return ID{}, fmt.Errorf("%q doesn't name a virtual machine scale set", text)
	}
	return ID{
		Subscription:  strings.ToLower(r.SubscriptionID),
		ResourceGroup: strings.ToLower(r.ResourceGroupName),
		Name:          strings.ToLower(r.Name),
	}, nil
}
