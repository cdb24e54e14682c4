package grant

import (
	"fmt"
	"strings"
	"time"

	"github.com/lanyard-project/lanyard/internal/imds"
)

// Pod is the caller: its name as the runtime proved it, the rest as the API server describes it.
type Pod struct {
	Namespace, Name string
	ServiceAccount  string
	Label           string // value of aadpodidbinding
	Age             time.Duration
	// Exception names the AzurePodIdentityException that the pod falls under, if any.
	Exception string
	// Known reports whether the API server has described it yet.
	Known bool
	// Served reports whether this very pod has got a token before. If it has no assignment now, it was revoked; it isn't
	// waiting for its first.
	Served bool
}

// Policy is what the operator decided.
type Policy struct {
	// ForceNamespaced lets pods use identities of their own namespace only.
	ForceNamespaced bool
	// NodeAccounts are the service accounts ("namespace/name") whose pods may use the node's own identities.
	NodeAccounts map[string]bool
	// Exceptions says whose AzurePodIdentityExceptions count.
	Exceptions Exceptions
	// Broker says that there is somebody who gets tokens of identities other than managed ones.
	Broker bool
	// NodeClientID is the client ID of the identity that the nodes themselves sign in with; empty is unknown. It is on every
	// node and its rights are over the nodes, so no AzureIdentity gives it to a pod.
	NodeClientID string
	// Young is the age up to which a labelled pod without any assignment is taken to be waiting for it.
	Young time.Duration
}

// Exceptions limits AzurePodIdentityException. Who labels pods decides who is excepted, so exceptions count where labels are
// given by those who may have the node's identities anyhow.
type Exceptions struct {
	// Namespaces whose exceptions count; "*" is every one.
	Namespaces map[string]bool
	// Accounts ("namespace/name"), if there are any, are the only ones whose pods are excepted.
	Accounts map[string]bool
}

// Count reports whether an exception of a pod counts.
func (e Exceptions) Count(pod Pod) bool {
	return (e.Namespaces["*"] || e.Namespaces[pod.Namespace]) &&
		(len(e.Accounts) == 0 || e.Accounts[pod.Namespace+"/"+pod.ServiceAccount])
}

// Outcome is what to do with a request.
type Outcome int

// The outcomes. The zero value refuses.
const (
	Refuse Outcome = iota
	Grant          // Identity is the pod's
	Match          // one of Candidates, by their principal's object ID
	Wait           // an assignment may be on its way
	Node           // the node's own identities, as the request selects
)

// Decision is an outcome with its grounds. Reason is for the pod's owner and the audit log.
type Decision struct {
	Outcome    Outcome
	Identity   Identity
	Candidates []Identity
	Reason     string
	// For bounds waiting: after it the decision is another one. Zero is no bound.
	For time.Duration
	// Ambiguous refuses because the request has to name one of several identities.
	Ambiguous bool
}

// Decide says what a pod gets for a selector.
func Decide(pod Pod, assigned []Assigned, selector imds.Selector, policy Policy) Decision {
	name := pod.Namespace + "/" + pod.Name
	if !pod.Known {
		return Decision{Outcome: Wait, Reason: "the API server has not described pod " + name + " yet"}
	}
	if policy.NodeAccounts[pod.Namespace+"/"+pod.ServiceAccount] {
		return Decision{Outcome: Node, Reason: "service account " + pod.Namespace + "/" + pod.ServiceAccount + " may use the node's identities"}
	}
	if pod.Exception != "" && policy.Exceptions.Count(pod) {
		return Decision{Outcome: Node, Reason: "AzurePodIdentityException " + pod.Namespace + "/" + pod.Exception}
	}
	if pod.Label == "" {
		if pod.Exception != "" {
			return Decision{Reason: "pod " + name + " falls under AzurePodIdentityException " + pod.Exception +
				", but exceptions of its namespace or service account don't count (nmi's --exception-namespace, --exception-service-account)"}
		}
		return Decision{Reason: "pod " + name + " has no label aadpodidbinding"}
	}
	usable, pending, obstacle, missing := classify(pod, assigned, policy)
	switch {
	case len(usable)+len(pending) > 0:
		return choose(name, usable, pending, selector)
	case obstacle != "":
		return Decision{Reason: obstacle}
	case !pod.Served && pod.Age < policy.Young:
		return Decision{Outcome: Wait, Reason: "no identity is assigned to pod " + name + " yet", For: policy.Young - pod.Age}
	case missing != "":
		return Decision{Reason: missing}
	default:
		where := ""
		if policy.ForceNamespaced {
			where = " in namespace " + pod.Namespace
		}
		return Decision{Reason: fmt.Sprintf("no identity is assigned to pod %s: is there an AzureIdentityBinding with selector %q%s?", name, pod.Label, where)}
	}
}

// classify splits the assignments into those that can be used and those on their way; obstacle tells of one that can be
// neither, missing of one that can't because its identity isn't there.
func classify(pod Pod, assigned []Assigned, policy Policy) (usable, pending []Identity, obstacle, missing string) {
	for _, a := range assigned {
		switch {
		case a.Selector != pod.Label:
			obstacle = fmt.Sprintf("AzureIdentity %s/%s is bound to another value of the label aadpodidbinding", a.IdentityNamespace, a.IdentityName)
		case (policy.ForceNamespaced || a.Namespaced) && a.IdentityNamespace != pod.Namespace:
			obstacle = fmt.Sprintf("AzureIdentity %s/%s may be used in its own namespace only", a.IdentityNamespace, a.IdentityName)
		case a.State == StateMissing:
			missing = fmt.Sprintf("AzureIdentity %s/%s, which an AzureIdentityBinding names, does not exist", a.IdentityNamespace, a.IdentityName)
		case a.Identity.Kind != KindManagedIdentity && !policy.Broker:
			obstacle = fmt.Sprintf("AzureIdentity %s/%s has type %d, for which the cluster has no broker", a.IdentityNamespace, a.IdentityName, a.Identity.Kind)
		case a.Identity.Kind != KindManagedIdentity && a.Identity.ClientID == "":
			obstacle = fmt.Sprintf("AzureIdentity %s/%s lacks clientID", a.IdentityNamespace, a.IdentityName)
		case a.Identity.Kind == KindManagedIdentity && (a.Identity.ResourceID == "" || a.Identity.ClientID == ""):
			// without both, what the metadata service gives can't be checked against what was assigned
			obstacle = fmt.Sprintf("AzureIdentity %s/%s lacks resourceID or clientID", a.IdentityNamespace, a.IdentityName)
		case a.Identity.Kind == KindManagedIdentity && !userAssigned(a.Identity.ResourceID):
			obstacle = fmt.Sprintf("the resourceID of AzureIdentity %s/%s is not that of a user-assigned identity", a.IdentityNamespace, a.IdentityName)
		case policy.NodeClientID != "" && strings.EqualFold(a.Identity.ClientID, policy.NodeClientID):
			obstacle = fmt.Sprintf("AzureIdentity %s/%s is the identity of the nodes themselves", a.IdentityNamespace, a.IdentityName)
		case a.State == StateAssigned:
			usable = add(usable, a.Identity)
		case a.State == StateCreated:
			pending = add(pending, a.Identity)
		}
	}
	return usable, pending, obstacle, missing
}

// userAssigned reports whether a resource ID is of the kind that can be put on nodes. Others, a machine's for example, might
// make the metadata service choose the machine's own identity.
func userAssigned(resourceID string) bool {
	const kind = "/providers/Microsoft.ManagedIdentity/userAssignedIdentities/"
	name := strings.LastIndexByte(resourceID, '/') + 1
	return name >= len(kind) && name < len(resourceID) && strings.EqualFold(resourceID[name-len(kind):name], kind)
}

// add keeps each identity once: two bindings may lead to the same one.
func add(list []Identity, identity Identity) []Identity {
	for _, known := range list {
		if known.Same(identity) {
			return list
		}
	}
	return append(list, identity)
}

func choose(pod string, usable, pending []Identity, selector imds.Selector) Decision {
	switch selector.Kind {
	case imds.SelectNone:
		all := usable
		for _, identity := range pending {
			all = add(all, identity)
		}
		if len(all) > 1 {
			return Decision{Ambiguous: true, Reason: "several identities are assigned to pod " + pod}
		}
	case imds.SelectObjectID:
		if len(usable) > 0 {
			return Decision{Outcome: Match, Candidates: usable}
		}
	case imds.SelectClientID, imds.SelectResourceID:
		usable, pending = named(usable, selector), named(pending, selector)
	}
	switch {
	case len(usable) == 1:
		return Decision{Outcome: Grant, Identity: usable[0]}
	case len(usable) > 1: // one client ID, two resource IDs: somebody's mistake
		return Decision{Ambiguous: true, Reason: "several identities assigned to pod " + pod + " fit the request"}
	case len(pending) > 0:
		return Decision{Outcome: Wait, Reason: "the identity of pod " + pod + " is being assigned to the node"}
	default:
		return Decision{Reason: "the requested identity is not assigned to pod " + pod}
	}
}

// named gives the identities that a client ID or resource ID names.
func named(list []Identity, selector imds.Selector) []Identity {
	var found []Identity
	for _, identity := range list {
		id := identity.ClientID
		if selector.Kind == imds.SelectResourceID {
			id = identity.ResourceID
		}
		if strings.EqualFold(id, selector.Value) {
			found = append(found, identity)
		}
	}
	return found
}
