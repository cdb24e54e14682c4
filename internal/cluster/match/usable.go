package match

import (
	"errors"
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
		return servicePrincipal(identity)
	case aadpodid.WorkloadIdentity:
		if identity.Spec.ClientID == "" {
			return errors.New("spec.clientID is missing")
		}
		return nil
	default:
		return fmt.Errorf("spec.type %d is unknown: use 0 (managed identity), 1 (service principal with secret), "+
			"2 (with certificate) or 3 (workload identity)", identity.Spec.Type)
	}
}

// servicePrincipal insists on a secret of the identity's own namespace: who may
// write an AzureIdentity there may make pods there that read it, but a secret
// elsewhere may be none of his business.
func servicePrincipal(identity *aadpodid.AzureIdentity) error {
	secret := identity.Spec.ClientPassword
	switch {
	case identity.Spec.ClientID == "":
		return errors.New("spec.clientID is missing")
	case secret.Name == "":
		return errors.New("spec.clientPassword.name is missing: it names the Secret with the credential")
	case secret.Namespace != "" && secret.Namespace != identity.Namespace:
		return fmt.Errorf("spec.clientPassword.namespace is %q: the Secret has to be in the AzureIdentity's own namespace", secret.Namespace)
	}
	return nil
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
