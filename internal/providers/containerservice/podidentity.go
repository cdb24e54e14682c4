package containerservice

import (
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
)

// The pod identity add-on: nmi alone (managed mode), with the provider in mic's place. It makes AzureIdentity and
// AzureIdentityBinding objects in the cluster and puts the identities on the pools' scale sets.

// podIdentityProfile is what a cluster's document says of the add-on.
type podIdentityProfile struct {
	Enabled                   bool                   `json:"enabled"`
	AllowNetworkPluginKubenet bool                   `json:"allowNetworkPluginKubenet"`
	Identities                []podIdentity          `json:"userAssignedIdentities"`
	Exceptions                []podIdentityException `json:"userAssignedIdentityExceptions"`
}

// podIdentity gives an identity to the pods of a namespace whose label is the selector.
type podIdentity struct {
	Name              string   `json:"name"`
	Namespace         string   `json:"namespace"`
	Identity          identity `json:"identity"`
	BindingSelector   string   `json:"bindingSelector"`
	ProvisioningState string   `json:"provisioningState"`
}

// podIdentityException lets pods with these labels reach instance metadata without nmi in between.
type podIdentityException struct {
	Name      string            `json:"name"`
	Namespace string            `json:"namespace"`
	PodLabels map[string]string `json:"podLabels"`
}

func (p *podIdentityProfile) on() bool { return p != nil && p.Enabled }

// identities are the entries that count: none while the add-on is off.
func (p *podIdentityProfile) identities() []podIdentity {
	if !p.on() {
		return nil
	}
	return p.Identities
}

// key tells entries apart.
func (i podIdentity) key() string { return i.Namespace + "/" + i.Name }

// selector is the value of the pods' label aadpodidbinding. It isn't written back into the document.
func (i podIdentity) selector() string {
	if i.BindingSelector != "" {
		return i.BindingSelector
	}
	return i.Name
}

const (
	maxPodIdentities = 200

	// States of an entry, as AKS has them; an entry that is taken out of the list is unassigned and simply gone.
	podIdentityUpdating = "Updating"
	podIdentityAssigned = "Assigned"
	podIdentityFailed   = "Failed"

	featurePodIdentity = namespace + "/EnablePodIdentityPreview"

	// addonException lets AKS' own pods reach instance metadata.
	addonException          = "aks-addon-exception"
	addonExceptionNamespace = "kube-system"
	managedByLabel          = "kubernetes.azure.com/managedby"
	managedByAKS            = "aks"
)

// validatePodIdentity checks what can be checked without looking anything up.
func validatePodIdentity(p properties) *rest.Error {
	profile := p.PodIdentityProfile
	if profile == nil {
		return nil
	}
	if !profile.Enabled {
		if len(profile.Identities) > 0 {
			return refused("BadRequest",
				"The pod identity addon has pod identities: remove them (az aks pod-identity delete) before disabling it, or send an empty list of userAssignedIdentities with the request.", "podIdentityProfile")
		}
		return nil
	}
	if sp := p.ServicePrincipalProfile; sp != nil && sp.ClientID != "" && sp.ClientID != managedIdentityClient {
		return refused("BadRequest", "PodIdentity addon requires managed identity.", "podIdentityProfile")
	}
	if p.NetworkProfile.NetworkPlugin == pluginKubenet && !profile.AllowNetworkPluginKubenet {
		return refused("PodIdentityAddonWithKubeNetNeedsConsent",
			"Network plugin kubenet is not supported to use with PodIdentity addon. Set podIdentityProfile.allowNetworkPluginKubenet (--enable-pod-identity-with-kubenet) to accept its risk: a pod may be able to pose as another one.", "podIdentityProfile.allowNetworkPluginKubenet")
	}
	if e := validatePodIdentities(profile.Identities); e != nil {
		return e
	}
	return validatePodIdentityExceptions(profile.Exceptions)
}

func validatePodIdentities(all []podIdentity) *rest.Error {
	const target = "podIdentityProfile.userAssignedIdentities"
	if len(all) > maxPodIdentities {
		return tooMany(target, "pod identities", len(all))
	}
	seen := map[string]bool{}
	for _, i := range all {
		if e := validateObjectName(target, i.Namespace, i.Name, maxNameLength-len(bindingSuffix)); e != nil {
			return e
		}
		if problems := validation.IsValidLabelValue(i.selector()); len(problems) > 0 {
			return invalidParameter(target, "the binding selector '%s' of pod identity '%s' can't be the value of a pod's label: %s", i.selector(), i.key(), problems[0])
		}
		if id, err := armid.Parse(i.Identity.ResourceID); err != nil || !id.Is(identityType) {
			return invalidIdentityID(i.Identity.ResourceID)
		}
		if seen[i.key()] {
			return invalidParameter(target, "there are two pod identities '%s'", i.key())
		}
		seen[i.key()] = true
	}
	return nil
}

func validatePodIdentityExceptions(all []podIdentityException) *rest.Error {
	const target = "podIdentityProfile.userAssignedIdentityExceptions"
	if len(all) > maxPodIdentities {
		return tooMany(target, "pod identity exceptions", len(all))
	}
	seen := map[string]bool{}
	for _, e := range all {
		if err := validateObjectName(target, e.Namespace, e.Name, maxNameLength); err != nil {
			return err
		}
		key := e.Namespace + "/" + e.Name
		if seen[key] {
			return invalidParameter(target, "there are two pod identity exceptions '%s'", key)
		}
		if e.Name == addonException && e.Namespace == addonExceptionNamespace {
			return invalidParameter(target, "'%s' is the addon's own", key)
		}
		seen[key] = true
		for name, value := range e.PodLabels {
			if problems := append(validation.IsQualifiedName(name), validation.IsValidLabelValue(value)...); len(problems) > 0 {
				return invalidParameter(target, "'%s=%s' of '%s' can't be a pod's label: %s", name, value, key, problems[0])
			}
		}
	}
	return nil
}

const maxNameLength = validation.DNS1123SubdomainMaxLength

func validateObjectName(target, namespace, name string, longest int) *rest.Error {
	if len(validation.IsDNS1123Subdomain(name)) > 0 || len(name) > longest {
		return refused("BadRequest", "Name '"+name+"' is invalid. Please provide a valid and fully qualified DNS name.", target)
	}
	if len(validation.IsDNS1123Label(namespace)) > 0 {
		return refused("BadRequest", "Namespace '"+namespace+"' is invalid. Please provide a valid DNS label.", target)
	}
	return nil
}

func tooMany(target, what string, count int) *rest.Error {
	return invalidParameter(target, "a managed cluster has at most %d %s, and these are %d", maxPodIdentities, what, count)
}

// podIdentityStates marks entries that are new, changed or not in force as Updating, and keeps the state of the others.
// What clients send as a state means nothing.
func podIdentityStates(d document, before *properties, after properties) {
	known := map[string]podIdentity{}
	if before != nil {
		for _, i := range before.PodIdentityProfile.identities() {
			known[i.key()] = i
		}
	}
	entries := asObject(d["podIdentityProfile"]).objects("userAssignedIdentities")
	for n, i := range after.PodIdentityProfile.identities() {
		state := podIdentityUpdating
		old, ok := known[i.key()]
		if ok && old.ProvisioningState == podIdentityAssigned && strings.EqualFold(old.Identity.ResourceID, i.Identity.ResourceID) && old.selector() == i.selector() {
			state = podIdentityAssigned
		}
		entries[n]["provisioningState"] = state
		delete(entries[n], "provisioningInfo")
	}
}
