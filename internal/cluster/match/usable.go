package match

import (
	"fmt"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/arm"

	aadpodid "github.com/lanyard-project/lanyard/api/v1"
)

const identityType = "Microsoft.ManagedIdentity/userAssignedIdentities"

// Usable returns what is wrong with an identity, in words for its author, or
// nil. The answer depends on the object alone; see also [Rules.Usable].
func Usable(identity *aadpodid.AzureIdentity) error {
	switch identity.Spec.Type {
	case aadpodid.UserAssignedMSI:
		_, err := ResourceID(identity)
		return err
	case aadpodid.ServicePrincipal, aadpodid.ServicePrincipalCertificate:
		return nil
	default:
		return fmt.Errorf("spec.type %d is unknown: use 0 (managed identity), 1 (service principal with secret) or 2 (with certificate)",
			identity.Spec.Type)
	}
}

// ResourceID returns the resource ID of a managed identity in lower case, the
// form in which IDs are compared.
func ResourceID(identity *aadpodid.AzureIdentity) (string, error) {
	text := strings.TrimSuffix(strings.TrimSpace(identity.Spec.ResourceID), "/")
	id, err := arm.ParseResourceID(text)
	if err != nil || !strings.EqualFold(id.ResourceType.String(), identityType) ||
		id.SubscriptionID == "" || id.ResourceGroupName == "" || id.Name == "" {
		return "", fmt.Errorf("spec.resourceID %q isn't the ID of a user-assigned identity: it must look like "+
			"/subscriptions/<id>/resourcegroups/<group>/providers/%s/<name>", identity.Spec.ResourceID, identityType)
	}
	return strings.ToLower(text), nil
}
