package features

import "strings"

// Feature is a flag that subscriptions can register for.
type Feature struct {
	Namespace string
	Name      string
	// General features were previews once and are open to everybody now: they can
	// be registered as ever, and gate nothing.
	General bool
}

func (f Feature) fullName() string { return f.Namespace + "/" + f.Name }

// PodIdentity is the one flag of the story that still gates something.
const PodIdentity = "Microsoft.ContainerService/EnablePodIdentityPreview"

// known are the flags of the managed-identity story, sorted.
func known() []Feature {
	const aks = "Microsoft.ContainerService"
	return []Feature{
		{Namespace: aks, Name: "CustomKubeletIdentityPreview", General: true},
		{Namespace: aks, Name: "EnableOIDCIssuerPreview", General: true},
		{Namespace: aks, Name: "EnablePodIdentityPreview"},
		{Namespace: aks, Name: "EnableWorkloadIdentityPreview", General: true},
		{Namespace: aks, Name: "MigrateToMSIClusterPreview", General: true},
		{Namespace: aks, Name: "UserAssignedIdentityPreview", General: true},
	}
}

// find returns a flag by namespace and name in any casing.
func find(namespace, name string) (Feature, bool) {
	for _, f := range known() {
		if strings.EqualFold(f.Namespace, namespace) && strings.EqualFold(f.Name, name) {
			return f, true
		}
	}
	return Feature{}, false
}
