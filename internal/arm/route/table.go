package route

import (
	"net/http"
	"strings"
	"sync"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/providers"
)

// Table finds routes among the registered types.
type Table struct {
	registry *providers.Registry

	// known are matches of resources that were read lately: what a path means never
	// changes once requests come.
	mu    sync.RWMutex
	known map[asked]*Match
}

// asked is a request as far as its match depends on it.
type asked struct{ method, path, version string }

// maxKnown and longestKnown bound what is kept.
const (
	maxKnown     = 4096
	longestKnown = 512
)

// New returns the table of the registry's types.
func New(registry *providers.Registry) *Table {
	return &Table{registry: registry, known: map[asked]*Match{}}
}

// core names ARM's own collections, which need no "providers" in their path, by
// the type of the scope that they stand below.
func core(scopeType string) []string {
	switch scopeType {
	case armid.TenantType:
		return []string{"tenants", "subscriptions", "providers"}
	case armid.SubscriptionType:
		return []string{"resourceGroups", "resources", "locations", "providers", "tagNames"}
	case armid.ResourceGroupType:
		return []string{"resources"}
	}
	return nil
}

// Match finds what a call means, or the *rest.Error for one that means nothing.
// Nobody may change what it returns.
func (t *Table) Match(method, path, version string) (*Match, error) {
	key := asked{method, path, version}
	t.mu.RLock()
	known, ok := t.known[key]
	t.mu.RUnlock()
	if ok {
		return known, nil
	}
	m, err := t.find(method, path, version)
	if err != nil || method != http.MethodGet || m.Operation != "" || len(path)+len(version) > longestKnown {
		return m, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.known) >= maxKnown {
		clear(t.known)
	}
	t.known[key] = m
	return m, nil
}

func (t *Table) find(method, path, version string) (*Match, error) {
	id, left, err := armid.ParsePath(path)
	if err != nil {
		return nil, rest.NewError(http.StatusBadRequest, "InvalidResourceId", "The path of the request is no valid resource ID: "+err.Error()+".")
	}
	if m := operation(method, id, left); m != nil {
		return m, nil
	}
	if len(left) > 2 && strings.EqualFold(left[0], "deployments") {
		// The older form, which az uses for a deployment's operations.
		return t.Match(method, strings.TrimSuffix(id.String(), "/")+"/providers/Microsoft.Resources/"+strings.Join(left, "/"), version)
	}
	if tag, ok := tag(id, left); ok {
		return t.resource(method, tag, version)
	}
	switch {
	case len(left) == 0:
		return t.resource(method, id, version)
	case len(left) == 1:
		return t.member(method, id, left[0], version)
	case len(left) == 3 && strings.EqualFold(left[0], "providers"):
		return t.below(method, id, left[1], left[2], version)
	case len(left) >= 2 && strings.EqualFold(left[0], "providers"):
		return nil, t.unknownType(left[1], version)
	}
	return nil, rest.NewError(http.StatusNotFound, "InvalidResourcePath", "The path '"+path+"' names neither a resource nor a collection.")
}

// tag recognises a subscription's predefined tag names and values, whose paths
// name no provider.
func tag(scope armid.ID, left []string) (armid.ID, bool) {
	if !scope.Is(armid.SubscriptionType) || len(left) != 2 && len(left) != 4 || !strings.EqualFold(left[0], "tagNames") {
		return armid.ID{}, false
	}
	name := scope.Extension("Microsoft.Resources", "tagNames", left[1])
	if len(left) == 2 {
		return name, true
	}
	return name.Child("tagValues", left[3]), strings.EqualFold(left[2], "tagValues")
}

// operation recognises the URLs of long-running operations.
func operation(method string, id armid.ID, left []string) *Match {
	if method != http.MethodGet && method != http.MethodHead {
		return nil
	}
	m := &Match{Method: providers.Get, Head: method == http.MethodHead, Scope: id.SubscriptionID()}
	_, name, _ := strings.Cut(id.Type(), "/")
	switch {
	case len(left) == 2 && id.Is(armid.SubscriptionType) && strings.EqualFold(left[0], "operationresults"):
		m.Operation, m.Result = left[1], true
	case len(left) == 0 && strings.EqualFold(name, "locations/operations"):
		m.Operation = id.Name()
	case len(left) == 0 && strings.EqualFold(name, "locations/operationresults"):
		m.Operation, m.Result = id.Name(), true
	default:
		return nil
	}
	return m
}

// resource finds the operation on a resource itself.
func (t *Table) resource(method string, id armid.ID, version string) (*Match, error) {
	typ := t.registry.Find(id.Type())
	if typ == nil {
		if parent := t.collectionAction(method, id); parent != nil {
			return parent, nil
		}
		return nil, t.unknownType(id.Namespace(), version)
	}
	if m := t.collectionAction(method, id); m != nil {
		return m, nil
	}
	if !allowed(typ, id) {
		return nil, rest.InvalidResourceType(typ.Namespace, version)
	}
	m := &Match{Type: typ, ID: t.registry.Canonical(id)}
	need := providers.CanGet
	switch method {
	case http.MethodGet, http.MethodHead:
		m.Method, m.Head = providers.Get, method == http.MethodHead
	case http.MethodPut:
		m.Method, need = providers.Put, providers.CanPut
	case http.MethodPatch:
		m.Method, need = providers.Patch, providers.CanPatch
	case http.MethodDelete:
		m.Method, need = providers.Delete, providers.CanDelete
	default:
		return nil, rest.MethodNotAllowed(method)
	}
	if !typ.Can(need) {
		return nil, rest.MethodNotAllowed(method)
	}
	return m, nil
}

// collectionAction finds an action whose name stands where a resource's would.
func (t *Table) collectionAction(method string, id armid.ID) *Match {
	typ := t.registry.Find(id.Type())
	if typ == nil {
		return nil
	}
	if a := action(typ, method, id.Name(), true); a != nil {
		return &Match{Method: providers.Do, Type: typ, Action: a, Scope: t.registry.Canonical(id.Parent())}
	}
	return nil
}

// member finds what stands behind a resource: a collection of children, one of
// ARM's own collections, or an action.
func (t *Table) member(method string, id armid.ID, name, version string) (*Match, error) {
	for _, known := range core(id.Type()) {
		if strings.EqualFold(name, known) {
			return t.collection(method, id, t.registry.Find("Microsoft.Resources/"+known))
		}
	}
	typ := t.registry.Find(id.Type())
	if typ == nil {
		return nil, t.unknownType(id.Namespace(), version)
	}
	if a := action(typ, method, name, false); a != nil {
		return &Match{Method: providers.Do, Type: typ, Action: a, ID: t.registry.Canonical(id)}, nil
	}
	if child := t.registry.Find(id.Type() + "/" + name); child != nil {
		return t.collection(method, id, child)
	}
	for i := range typ.Actions {
		if strings.EqualFold(typ.Actions[i].Name, name) {
			return nil, rest.MethodNotAllowed(method)
		}
	}
	return nil, rest.InvalidResourceType(typ.Namespace, version)
}

// below finds a collection of a provider's type at a scope.
func (t *Table) below(method string, scope armid.ID, namespace, name, version string) (*Match, error) {
	if typ := t.registry.Find(namespace + "/" + name); typ != nil {
		return t.collection(method, scope, typ)
	}
	if m := t.providerAction(method, scope, namespace, name); m != nil {
		return m, nil
	}
	if scope.Is(armid.SubscriptionType) || scope.IsRoot() {
		if m, err := t.member(method, scope.Provider(namespace), name, version); err == nil {
			return m, nil
		}
	}
	return nil, t.unknownType(namespace, version)
}

// providerAction finds an action that stands directly below its provider.
func (t *Table) providerAction(method string, scope armid.ID, namespace, name string) *Match {
	if !scope.Is(armid.SubscriptionType) || method != http.MethodPost {
		return nil
	}
	for _, typ := range t.registry.Types(namespace) {
		for i := range typ.Actions {
			if a := &typ.Actions[i]; a.OnProvider && strings.EqualFold(a.Name, name) {
				return &Match{Method: providers.Do, Type: typ, Action: a, Scope: t.registry.Canonical(scope)}
			}
		}
	}
	return nil
}

func (t *Table) collection(method string, scope armid.ID, typ *providers.Type) (*Match, error) {
	if typ == nil {
		return nil, rest.InvalidResourceNamespace("Microsoft.Resources")
	}
	if a := action(typ, method, "", true); a != nil && listable(typ, scope) {
		return &Match{Method: providers.Do, Type: typ, Action: a, Scope: t.registry.Canonical(scope)}, nil
	}
	if method != http.MethodGet || !typ.Can(providers.CanList) {
		return nil, rest.MethodNotAllowed(method)
	}
	if !strings.Contains(typ.Name, "/") && !listable(typ, scope) {
		return nil, rest.InvalidResourceType(typ.Namespace, "")
	}
	return &Match{Method: providers.List, Type: typ, Scope: t.registry.Canonical(scope)}, nil
}

func (t *Table) unknownType(namespace, version string) *rest.Error {
	if display, ok := t.registry.Namespace(namespace); ok {
		return rest.InvalidResourceType(display, version)
	}
	return t.registry.Unknown(namespace)
}

func action(typ *providers.Type, method, name string, onCollection bool) *providers.Action {
	for i := range typ.Actions {
		a := &typ.Actions[i]
		wanted := a.Method
		if wanted == "" {
			wanted = http.MethodPost
		}
		if !a.OnProvider && a.OnCollection == onCollection && wanted == method && strings.EqualFold(a.Name, name) {
			return a
		}
	}
	return nil
}

// level says where a scope stands.
func level(scope armid.ID) providers.Level {
	switch {
	case scope.IsRoot():
		return providers.AtTenant
	case scope.Is(armid.SubscriptionType):
		return providers.AtSubscription
	case scope.Is(armid.ResourceGroupType):
		return providers.AtGroup
	}
	return providers.AtResource
}

// allowed reports whether resources of the type can be where the ID says.
func allowed(typ *providers.Type, id armid.ID) bool {
	for strings.Count(id.Type(), "/") > 1 {
		id = id.Parent()
	}
	return typ.Levels&level(id.Parent()) != 0
}

func listable(typ *providers.Type, scope armid.ID) bool {
	at := level(scope)
	return typ.Levels&at != 0 || at == providers.AtSubscription && typ.ListBySubscription
}
