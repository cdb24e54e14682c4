package cluster_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	aadpodid "github.com/lanyard-project/lanyard/api/v1"
)

// world is the model: what users have asked for, as plain values, and by the
// simplest reading of the rules what has to come of it.
type world struct {
	nodes      map[string]place
	pods       map[string]worldPod
	bindings   map[string]worldBinding
	identities map[string]worldIdentity
	// foreign are identities that others have put on a scale set.
	foreign map[string]map[string]bool
}

// place is where a node is: the resource that identities are put on, none outside Azure.
type place string

type worldPod struct {
	label, node string
	completed   bool
}

type worldBinding struct{ identity, selector string }

type worldIdentity struct {
	kind identityKind
	// resource is the name of the managed identity.
	resource  string
	confined  bool
	wrongUser bool // clientID isn't that of the resource
}

type identityKind int

const (
	managed identityKind = iota
	principal
	unusable
)

// Names in Azure with a fate.
const (
	forbidden = "forbidden"
	missing   = "missing"
)

func namespaceOf(key string) string {
	namespace, _, _ := strings.Cut(key, "/")
	return namespace
}

// wanted says which assigned identities there are in the end, and in which state,
// and which identities are on which scale set.
func (w *world) wanted() (assigned []string, azure map[string][]string) {
	on := map[string]map[string]bool{}
	for set, identities := range w.foreign {
		on[set] = maps.Clone(identities)
	}
	for _, set := range w.nodes {
		if set != "" && on[string(set)] == nil {
			on[string(set)] = map[string]bool{}
		}
	}
	for pod, p := range w.pods {
		if p.completed {
			continue
		}
		for _, name := range w.identitiesOf(pod, p) {
			i := w.identities[name]
			set := string(w.nodes[p.node])
			state := aadpodid.StateCreated
			switch {
			case i.kind == principal:
				state = aadpodid.StateAssigned
			case set == "" || i.resource == forbidden || i.resource == missing:
			default:
				on[set][i.resource] = true
				if !i.wrongUser {
					state = aadpodid.StateAssigned
				}
			}
			assigned = append(assigned, fmt.Sprintf("%s has %s: %s", pod, name, state))
		}
	}
	slices.Sort(assigned)
	azure = map[string][]string{}
	for set, identities := range on {
		azure[set] = slices.Sorted(maps.Keys(identities))
	}
	return assigned, azure
}

// identitiesOf is the definition of matching: the product of all with all.
func (w *world) identitiesOf(pod string, p worldPod) []string {
	var names []string
	for name, i := range w.identities {
		if i.kind == unusable || (i.confined && namespaceOf(name) != namespaceOf(pod)) {
			continue
		}
		for binding, b := range w.bindings {
			if b.selector == p.label && namespaceOf(binding)+"/"+b.identity == name {
				names = append(names, name)
				break
			}
		}
	}
	return names
}
