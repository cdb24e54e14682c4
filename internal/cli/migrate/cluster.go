package migrate

import (
	"encoding/json"
	"fmt"
	"strings"
)

// The label, annotation and kinds of pod identity and workload identity.
const (
	podLabel         = "aadpodidbinding"
	behavior         = "aadpodidentity.k8s.io/Behavior"
	clientAnnotation = "azure.workload.identity/client-id"
	useLabel         = "azure.workload.identity/use"
)

// Cluster is what a report is made from.
type Cluster struct {
	pods       []object
	identities map[string]object // by namespace/name
	bindings   []object
	accounts   map[string]object // by namespace/name
}

// object is what of a Kubernetes object is looked at.
type object struct {
	Kind     string
	Metadata struct {
		Namespace, Name     string
		Labels, Annotations map[string]string
		OwnerReferences     []struct {
			Kind, Name string
			Controller bool
		}
	}
	Spec struct {
		// of a Pod
		ServiceAccountName string
		// of an AzureIdentity
		Type       int
		ResourceID string
		ClientID   string
		// of an AzureIdentityBinding
		AzureIdentity string
		Selector      string
	}
	Status struct{ Phase string }
}

func (o object) key() string { return o.Metadata.Namespace + "/" + o.Metadata.Name }

// Read takes the list that kubectl get -o json gives of pods, service accounts, AzureIdentities and AzureIdentityBindings.
func Read(list []byte) (Cluster, error) {
	c := Cluster{identities: map[string]object{}, accounts: map[string]object{}}
	var read struct{ Items []json.RawMessage }
	if err := json.Unmarshal(list, &read); err != nil {
		return c, fmt.Errorf("reading what the cluster has: %w", err)
	}
	for _, raw := range read.Items {
		var kind struct{ Kind string }
		if err := json.Unmarshal(raw, &kind); err != nil {
			return c, fmt.Errorf("reading what the cluster has: %w", err)
		}
		var o object
		if err := json.Unmarshal(raw, &o); err != nil {
			return c, fmt.Errorf("reading a %s of the cluster: %w", kind.Kind, err)
		}
		switch o.Kind {
		case "Pod":
			if o.Metadata.Labels[podLabel] != "" && o.Status.Phase != "Succeeded" && o.Status.Phase != "Failed" {
				c.pods = append(c.pods, o)
			}
		case "ServiceAccount":
			c.accounts[o.key()] = o
		case "AzureIdentity":
			c.identities[o.key()] = o
		case "AzureIdentityBinding":
			c.bindings = append(c.bindings, o)
		}
	}
	return c, nil
}

// account is the service account that the pod runs as.
func (o object) account() string {
	if o.Spec.ServiceAccountName == "" {
		return "default"
	}
	return o.Spec.ServiceAccountName
}

// workload is what makes the pod, as kubectl names it; "" for a pod of its own.
func (o object) workload() string {
	for _, owner := range o.Metadata.OwnerReferences {
		if !owner.Controller {
			continue
		}
		if hash := o.Metadata.Labels["pod-template-hash"]; owner.Kind == "ReplicaSet" && hash != "" {
			if deployment, ok := strings.CutSuffix(owner.Name, "-"+hash); ok {
				return "deployment/" + deployment
			}
		}
		return strings.ToLower(owner.Kind) + "/" + owner.Name
	}
	return ""
}
