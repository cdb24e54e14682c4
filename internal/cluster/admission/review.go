package admission

import (
	"fmt"

	"k8s.io/apimachinery/pkg/api/equality"

	aadpodid "github.com/lanyard-project/lanyard/api/v1"
	"github.com/lanyard-project/lanyard/internal/cluster/match"
)

// verdict is what is said of one object.
type verdict struct {
	// refusal is why it can't be written; nil lets it pass.
	refusal  error
	warnings []string
}

// reviewer judges objects by the rules of match and what else there is.
type reviewer struct {
	rules match.Rules
	view  match.View
}

// identity judges an AzureIdentity; before is nil for a new one.
func (r reviewer) identity(before, after *aadpodid.AzureIdentity) verdict {
	if before != nil && equality.Semantic.DeepEqual(before.Spec, after.Spec) {
		return verdict{}
	}
	v := verdict{refusal: r.rules.Usable(after)}
	if v.refusal == nil && after.Spec.ClientID == "" {
		v.warnings = append(v.warnings, "spec.clientID is empty: no pod is given a token before it is that of spec.resourceID "+
			"(az identity show --ids "+after.Spec.ResourceID+" --query clientId)")
	}
	return v
}

// binding judges an AzureIdentityBinding; before is nil for a new one.
func (r reviewer) binding(before, after *aadpodid.AzureIdentityBinding) (verdict, error) {
	if before != nil && equality.Semantic.DeepEqual(before.Spec, after.Spec) {
		return verdict{}, nil
	}
	var v verdict
	warn := func(format string, a ...any) { v.warnings = append(v.warnings, fmt.Sprintf(format, a...)) }
	if after.Spec.Weight != 0 {
		warn("spec.weight has no meaning: all bindings with a selector count")
	}
	if after.Spec.Selector == "" {
		warn("spec.selector is empty: the binding applies to no pod; set it to the value of the pods' label %s", aadpodid.PodLabel)
	}
	if after.Spec.AzureIdentity == "" {
		warn("spec.azureIdentity is empty: the binding gives nothing")
		return v, nil
	}
	identity, err := r.view.Identity(after.Namespace, after.Spec.AzureIdentity)
	if err != nil {
		return verdict{}, err
	}
	if identity == nil {
		warn("there is no AzureIdentity %s in namespace %s yet: the binding takes effect once there is", after.Spec.AzureIdentity, after.Namespace)
	}
	if after.Spec.Selector == "" {
		return v, nil
	}
	others, err := r.ambiguous(after, identity)
	if err != nil {
		return verdict{}, err
	}
	for _, other := range others {
		warn("%s has the selector %q too and gives another identity: a pod with this label has both, "+
			"and its requests for tokens have to say which by client_id or msi_res_id", other, after.Spec.Selector)
	}
	return v, nil
}

// ambiguous names the bindings by which some pod would have two identities.
func (r reviewer) ambiguous(b *aadpodid.AzureIdentityBinding, identity *aadpodid.AzureIdentity) ([]string, error) {
	bindings, err := r.view.BindingsBySelector(b.Spec.Selector)
	if err != nil {
		return nil, err
	}
	var others []string
	elsewhere := false
	for _, other := range bindings {
		own := other.Namespace == b.Namespace
		if own && (other.Name == b.Name || other.Spec.AzureIdentity == b.Spec.AzureIdentity) {
			continue
		}
		theirs, err := r.view.Identity(other.Namespace, other.Spec.AzureIdentity)
		if err != nil {
			return nil, err
		}
		if theirs == nil {
			continue
		}
		switch {
		case own:
			others = append(others, "AzureIdentityBinding "+other.Name)
		case r.rules.Namespaced(theirs) && (identity == nil || r.rules.Namespaced(identity)):
			// no pod is in both namespaces
		case !elsewhere:
			elsewhere = true // whoever writes here need not know what is there
			others = append(others, "an AzureIdentityBinding of another namespace")
		}
	}
	return others, nil
}
