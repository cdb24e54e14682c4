package armid

import (
	"iter"
	"strings"
)

// Types of the scopes that have no provider segment in their ID.
const (
	TenantType         = "Microsoft.Resources/tenants"
	SubscriptionType   = "Microsoft.Resources/subscriptions"
	ResourceGroupType  = "Microsoft.Resources/resourceGroups"
	LocationType       = "Microsoft.Resources/locations"
	ProviderType       = "Microsoft.Resources/providers"
	subscriptionPrefix = "/subscriptions/"
)

// ID names one scope or resource. It is immutable; the zero value is no ID.
// Compare with Equal or by Key, not with ==, which sees casing.
type ID struct {
	text   string // as it is displayed
	key    string // the same in lower case: equal length, so offsets fit both
	typ    string // "Namespace/type/childType"
	name   string
	parent int // length of the parent's text; 0 for the tenant root and its children
}

// Root is the tenant root, above all subscriptions.
func Root() ID { return ID{text: "/", key: "/", typ: TenantType} }

// Subscription names a subscription.
func Subscription(id string) ID {
	return ID{text: subscriptionPrefix + id, key: lower(subscriptionPrefix + id), typ: SubscriptionType, name: id}
}

// ResourceGroup names a resource group.
func ResourceGroup(subscription, name string) ID {
	return Subscription(subscription).Child("resourceGroups", name)
}

// String returns the ID as it is displayed, with the casing it was given.
func (id ID) String() string { return id.text }

// Key returns the spelling that stands for all casings of the ID.
func (id ID) Key() string { return id.key }

// IsZero reports whether the value is no ID at all.
func (id ID) IsZero() bool { return id.text == "" }

// IsRoot reports whether the ID is the tenant root.
func (id ID) IsRoot() bool { return id.text == "/" }

// Equal reports whether both name the same resource, whatever their casing.
func (id ID) Equal(other ID) bool { return id.key == other.key }

// Name returns the last segment: the resource's own name.
func (id ID) Name() string { return id.name }

// Type returns the full type, such as "Microsoft.Network/virtualNetworks/subnets".
func (id ID) Type() string { return id.typ }

// Is reports whether the ID is of the full type, whatever the casing.
func (id ID) Is(fullType string) bool { return strings.EqualFold(id.typ, fullType) }

// Namespace returns the first part of the type, such as "Microsoft.Network".
func (id ID) Namespace() string {
	namespace, _, _ := strings.Cut(id.typ, "/")
	return namespace
}

// Subscription returns the subscription's ID as it is displayed, or "".
func (id ID) Subscription() string { return id.segmentAfter(subscriptionPrefix, 0) }

// ResourceGroup returns the resource group's name as it is displayed, or "".
func (id ID) ResourceGroup() string {
	subscription := id.Subscription()
	if subscription == "" {
		return ""
	}
	return id.segmentAfter("/resourcegroups/", len(subscriptionPrefix)+len(subscription))
}

// ResourceGroupID returns the scope of the resource group that the ID is in, or
// the zero ID.
func (id ID) ResourceGroupID() ID {
	subscription, group := id.Subscription(), id.ResourceGroup()
	if group == "" {
		return ID{}
	}
	// What IDs usually look like is a part of the text that is there.
	const keyword = "/resourceGroups/"
	above := len(subscriptionPrefix) + len(subscription)
	if end := above + len(keyword) + len(group); id.text[above:end-len(group)] == keyword && strings.HasPrefix(id.text, subscriptionPrefix) {
		return ID{text: id.text[:end], key: id.key[:end], typ: ResourceGroupType, name: group, parent: above}
	}
	return ResourceGroup(subscription, group)
}

// SubscriptionID returns the scope of the subscription that the ID is in, or the
// zero ID.
func (id ID) SubscriptionID() ID {
	s := id.Subscription()
	if s == "" {
		return ID{}
	}
	if end := len(subscriptionPrefix) + len(s); strings.HasPrefix(id.text, subscriptionPrefix) {
		return ID{text: id.text[:end], key: id.key[:end], typ: SubscriptionType, name: s}
	}
	return Subscription(s)
}

// segmentAfter returns the segment that follows the keyword at the offset.
func (id ID) segmentAfter(keyword string, offset int) string {
	if !strings.HasPrefix(id.key[offset:], keyword) {
		return ""
	}
	rest := id.text[offset+len(keyword):]
	if end := strings.IndexByte(rest, '/'); end >= 0 {
		return rest[:end]
	}
	return rest
}

// Parent returns the scope that holds the resource: a child's parent resource,
// an extension's scope, a resource's group, a group's subscription, a
// subscription's tenant root. The root is its own parent.
func (id ID) Parent() ID {
	if id.parent == 0 {
		return Root()
	}
	parent, _ := read(strings.Split(id.text[:id.parent], "/"))
	return parent
}

// Scopes walks from the ID itself up to the tenant root.
func (id ID) Scopes() iter.Seq[ID] {
	return func(yield func(ID) bool) {
		for at := id; ; at = at.Parent() {
			if !yield(at) || at.IsRoot() {
				return
			}
		}
	}
}

// Under reports whether the ID is the scope or lies below it.
func (id ID) Under(scope ID) bool {
	return scope.IsRoot() || id.key == scope.key || strings.HasPrefix(id.key, scope.key+"/")
}

// IsExtension reports whether the ID extends another resource or a scope that
// already names a provider: a second "providers" segment.
func (id ID) IsExtension() bool {
	return !id.IsRoot() && strings.Count(id.key, "/providers/") > 1
}

// Child names a child resource, such as ("subnets", "default") of a virtual network.
func (id ID) Child(typ, name string) ID {
	text := strings.TrimSuffix(id.text, "/") + "/" + typ + "/" + name
	full := id.typ + "/" + typ
	if id.typ == SubscriptionType {
		full = "Microsoft.Resources/" + typ
	}
	return ID{text: text, key: lower(text), typ: full, name: name, parent: parentLength(id)}
}

// Extension names a resource of a provider below the scope. typ may hold one
// type; deeper ones are added with Child.
func (id ID) Extension(namespace, typ, name string) ID {
	text := strings.TrimSuffix(id.text, "/") + "/providers/" + namespace + "/" + typ + "/" + name
	return ID{text: text, key: lower(text), typ: namespace + "/" + typ, name: name, parent: parentLength(id)}
}

// Provider names the registration of a resource provider in a subscription.
func (id ID) Provider(namespace string) ID {
	text := strings.TrimSuffix(id.text, "/") + "/providers/" + namespace
	return ID{text: text, key: lower(text), typ: ProviderType, name: namespace, parent: parentLength(id)}
}

// Rebase returns the same resource with its parent's casing taken from parent,
// which must be Equal to the ID's own parent: names are displayed as they were
// created, not as the latest request spelt them.
func (id ID) Rebase(parent ID) ID {
	if len(parent.text) != id.parent {
		return id
	}
	id.text = parent.text + id.text[id.parent:]
	return id
}

func parentLength(id ID) int {
	if id.IsRoot() {
		return 0
	}
	return len(id.text)
}

// lower folds ASCII only, so that offsets stay the same; Azure compares names
// of other scripts byte by byte.
func lower(s string) string {
	for i := range len(s) {
		if c := s[i]; 'A' <= c && c <= 'Z' {
			out := []byte(s)
			for j := i; j < len(out); j++ {
				if 'A' <= out[j] && out[j] <= 'Z' {
					out[j] += 'a' - 'A'
				}
			}
			return string(out)
		}
	}
	return s
}
