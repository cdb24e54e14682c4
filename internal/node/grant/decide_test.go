package grant_test

import (
	"strings"
	"testing"
	"time"

	"github.com/lanyard-project/lanyard/internal/imds"
	"github.com/lanyard-project/lanyard/internal/node/grant"
)

func TestDecide(t *testing.T) {
	const kind = "/subscriptions/s/resourcegroups/g/providers/microsoft.managedidentity/userassignedidentities/"
	one := grant.Identity{ClientID: "C-1", ResourceID: strings.ToUpper(kind) + "1"}
	two := grant.Identity{ClientID: "c-2", ResourceID: kind + "2"}
	assigned := func(i grant.Identity, change ...func(*grant.Assigned)) grant.Assigned {
		a := grant.Assigned{Identity: i, IdentityName: "i", IdentityNamespace: "ns", Selector: "label", State: grant.StateAssigned}
		for _, c := range change {
			c(&a)
		}
		return a
	}
	principal := grant.Identity{Kind: grant.KindServicePrincipalSecret, ClientID: "c", Object: "ns/a"}
	created := func(a *grant.Assigned) { a.State = grant.StateCreated }
	missing := grant.Assigned{IdentityName: "i", IdentityNamespace: "ns", Selector: "label", State: grant.StateMissing}
	pod := func(change ...func(*grant.Pod)) grant.Pod {
		p := grant.Pod{Namespace: "ns", Name: "p", ServiceAccount: "sa", Label: "label", Age: time.Hour, Known: true}
		for _, c := range change {
			c(&p)
		}
		return p
	}
	young := func(p *grant.Pod) { p.Age = time.Second }
	client := func(v string) imds.Selector { return imds.Selector{Kind: imds.SelectClientID, Value: v} }
	policy := grant.Policy{Young: time.Minute, NodeAccounts: map[string]bool{"kube-system/mic": true}}
	exceptions := grant.Policy{Exceptions: grant.Exceptions{Namespaces: map[string]bool{"kube-system": true}}}
	exceptionsOfOne := grant.Policy{Exceptions: grant.Exceptions{Namespaces: map[string]bool{"*": true}, Accounts: map[string]bool{"addons/csi": true}}}
	excepted := func(namespace, account string) grant.Pod {
		return grant.Pod{Namespace: namespace, Name: "p", ServiceAccount: account, Exception: "e", Known: true}
	}
	for _, test := range []struct {
		name     string
		pod      grant.Pod
		assigned []grant.Assigned
		selector imds.Selector
		policy   *grant.Policy
		outcome  grant.Outcome
		identity grant.Identity
		reason   string
	}{
		{"one, none named", pod(), []grant.Assigned{assigned(one)}, imds.Selector{}, nil, grant.Grant, one, ""},
		{"named in another case", pod(), []grant.Assigned{assigned(one), assigned(two)}, client("c-1"), nil, grant.Grant, one, ""},
		{"by resource ID in another case", pod(), []grant.Assigned{assigned(one)},
			imds.Selector{Kind: imds.SelectResourceID, Value: kind + "1"}, nil, grant.Grant, one, ""},
		{"bound twice", pod(), []grant.Assigned{assigned(one), assigned(one)}, imds.Selector{}, nil, grant.Grant, one, ""},
		{"two, none named", pod(), []grant.Assigned{assigned(one), assigned(two)}, imds.Selector{}, nil, grant.Refuse, grant.Identity{}, "several"},
		{"one and one on its way, none named", pod(), []grant.Assigned{assigned(one), assigned(two, created)}, imds.Selector{}, nil,
			grant.Refuse, grant.Identity{}, "several"},
		{"one and one on its way, the first named", pod(), []grant.Assigned{assigned(one), assigned(two, created)}, client("c-1"), nil,
			grant.Grant, one, ""},
		{"on its way", pod(), []grant.Assigned{assigned(two, created)}, client("C-2"), nil, grant.Wait, grant.Identity{}, "being assigned"},
		{"another one named", pod(young), []grant.Assigned{assigned(one)}, client("c-9"), nil, grant.Refuse, grant.Identity{}, "not assigned"},
		{"object ID", pod(), []grant.Assigned{assigned(one)}, imds.Selector{Kind: imds.SelectObjectID, Value: "o"}, nil, grant.Match, grant.Identity{}, ""},
		{"no label", pod(func(p *grant.Pod) { p.Label = "" }), []grant.Assigned{assigned(one)}, imds.Selector{}, nil,
			grant.Refuse, grant.Identity{}, "has no label"},
		{"another label than the binding's", pod(func(p *grant.Pod) { p.Label = "x" }), []grant.Assigned{assigned(one)}, imds.Selector{}, nil,
			grant.Refuse, grant.Identity{}, "another value"},
		{"none, young", pod(young), nil, imds.Selector{}, nil, grant.Wait, grant.Identity{}, "yet"},
		{"none, young but served before", pod(young, func(p *grant.Pod) { p.Served = true }), nil, imds.Selector{}, nil,
			grant.Refuse, grant.Identity{}, "no identity is assigned"},
		{"none, old", pod(), nil, client("c-1"), nil, grant.Refuse, grant.Identity{}, "is there an AzureIdentityBinding"},
		{"unknown pod", pod(func(p *grant.Pod) { p.Known = false }), []grant.Assigned{assigned(one)}, imds.Selector{}, nil,
			grant.Wait, grant.Identity{}, "not described"},
		{"being removed", pod(), []grant.Assigned{assigned(one, func(a *grant.Assigned) { a.State = grant.ParseState("Unassigned") })},
			imds.Selector{}, nil, grant.Refuse, grant.Identity{}, ""},
		{"namespaced elsewhere", pod(), []grant.Assigned{assigned(one, func(a *grant.Assigned) { a.Namespaced, a.IdentityNamespace = true, "other" })},
			imds.Selector{}, nil, grant.Refuse, grant.Identity{}, "own namespace"},
		{"forced namespaced", pod(), []grant.Assigned{assigned(one, func(a *grant.Assigned) { a.IdentityNamespace = "other" })},
			imds.Selector{}, &grant.Policy{ForceNamespaced: true}, grant.Refuse, grant.Identity{}, "own namespace"},
		{"missing", pod(), []grant.Assigned{missing}, imds.Selector{}, nil, grant.Refuse, grant.Identity{}, "ns/i, which an AzureIdentityBinding names, does not exist"},
		{"missing, young", pod(young), []grant.Assigned{missing}, imds.Selector{}, nil, grant.Wait, grant.Identity{}, "yet"},
		{"missing and one", pod(), []grant.Assigned{missing, assigned(one)}, imds.Selector{}, nil, grant.Grant, one, ""},
		{"none, namespaced", pod(), nil, imds.Selector{}, &grant.Policy{ForceNamespaced: true}, grant.Refuse, grant.Identity{},
			`with selector "label" in namespace ns?`},
		{"service principal", pod(), []grant.Assigned{assigned(grant.Identity{Kind: grant.KindServicePrincipalSecret, ClientID: "c"})},
			imds.Selector{}, nil, grant.Refuse, grant.Identity{}, "has no broker"},
		{"service principal, with a broker", pod(), []grant.Assigned{assigned(principal)}, imds.Selector{}, &grant.Policy{Broker: true}, grant.Grant, principal, ""},
		{"two service principals of one application", pod(), []grant.Assigned{assigned(principal), assigned(grant.Identity{Kind: grant.KindWorkloadIdentity, ClientID: "c", Object: "ns/b"})},
			client("c"), &grant.Policy{Broker: true}, grant.Refuse, grant.Identity{}, "several"},
		{"a workload identity without client ID", pod(), []grant.Assigned{assigned(grant.Identity{Kind: grant.KindWorkloadIdentity})}, imds.Selector{},
			&grant.Policy{Broker: true}, grant.Refuse, grant.Identity{}, "lacks clientID"},
		{"no client ID would be the node's default identity", pod(), []grant.Assigned{assigned(grant.Identity{ResourceID: "/r"})},
			imds.Selector{}, nil, grant.Refuse, grant.Identity{}, "lacks"},
		{"the nodes' own", pod(), []grant.Assigned{assigned(one)}, imds.Selector{}, &grant.Policy{NodeClientID: "c-1"},
			grant.Refuse, grant.Identity{}, "of the nodes themselves"},
		{"a machine's resource ID", pod(), []grant.Assigned{assigned(grant.Identity{
			ClientID: "c", ResourceID: "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachineScaleSets/v",
		})}, imds.Selector{}, nil, grant.Refuse, grant.Identity{}, "not that of a user-assigned identity"},
		{"a resource ID without a name", pod(), []grant.Assigned{assigned(grant.Identity{ClientID: "c", ResourceID: kind})},
			imds.Selector{}, nil, grant.Refuse, grant.Identity{}, "not that of a user-assigned identity"},
		{"the controller", grant.Pod{Namespace: "kube-system", Name: "mic-1", ServiceAccount: "mic", Known: true}, nil, client("x"), nil,
			grant.Node, grant.Identity{}, "kube-system/mic"},
		{"the controller's account in another namespace", grant.Pod{Namespace: "x", Name: "mic-1", ServiceAccount: "mic", Known: true}, nil,
			client("x"), nil, grant.Refuse, grant.Identity{}, "no label"},
		{"excepted", excepted("kube-system", "any"), nil, client("x"), &exceptions, grant.Node, grant.Identity{}, "AzurePodIdentityException kube-system/e"},
		{"excepted where anybody may label", excepted("ns", "any"), nil, client("x"), &exceptions, grant.Refuse, grant.Identity{}, "don't count"},
		{"excepted, another account", excepted("addons", "any"), nil, client("x"), &exceptionsOfOne, grant.Refuse, grant.Identity{}, "don't count"},
		{"excepted, the account", excepted("addons", "csi"), nil, client("x"), &exceptionsOfOne, grant.Node, grant.Identity{}, ""},
		{"excepted, but it doesn't count, and bound", func() grant.Pod { p := pod(); p.Exception = "e"; return p }(), []grant.Assigned{assigned(one)},
			imds.Selector{}, &exceptions, grant.Grant, one, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := policy
			if test.policy != nil {
				p = *test.policy
			}
			got := grant.Decide(test.pod, test.assigned, test.selector, p)
			if got.Outcome != test.outcome || got.Identity != test.identity || !strings.Contains(got.Reason, test.reason) {
				t.Errorf("got %+v, want outcome %d, identity %v, reason …%s…", got, test.outcome, test.identity, test.reason)
			}
		})
	}
}
