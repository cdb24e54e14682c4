package route

import (
	"net/http"
	"slices"
	"strings"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/providers"
)

// Match is what a call means.
type Match struct {
	Method providers.Method
	Head   bool // GET without a body
	Type   *providers.Type
	// ID is the resource; zero for collections and operations.
	ID armid.ID
	// Scope is what a collection is listed below.
	Scope  armid.ID
	Action *providers.Action

	// Operation is the ID of a long-running operation whose status is asked for, and
	// Result whether the Location form of it.
	Operation string
	Result    bool
}

// At is the scope at which the caller needs the permission.
func (m *Match) At() armid.ID {
	if m.ID.IsZero() {
		return m.Scope
	}
	return m.ID
}

// Permission is the name of the action that the caller needs.
func (m *Match) Permission() string {
	switch m.Method {
	case providers.Get, providers.List:
		return m.Type.Permission("read")
	case providers.Put, providers.Patch:
		return m.Type.Permission("write")
	case providers.Delete:
		return m.Type.Permission("delete")
	}
	switch a := m.Action; {
	case a.Permission != "":
		return strings.ReplaceAll(a.Permission, "{name}", m.ID.Name())
	case a.Method == http.MethodGet:
		return m.Type.Permission(a.Name + "/read")
	default:
		return m.Type.Permission(a.Name + "/action")
	}
}

// Supports reports whether the type has the api-version.
func (m *Match) Supports(version string) bool {
	return slices.ContainsFunc(m.Type.APIVersions, func(v string) bool { return strings.EqualFold(v, version) })
}

// VersionError is the error for an api-version that the type doesn't have. ARM's
// own types answer otherwise than those of resource providers.
func (m *Match) VersionError(version, location string, locations []string) *rest.Error {
	supported := slices.Clone(m.Type.APIVersions)
	slices.Sort(supported)
	slices.Reverse(supported)
	if m.Type.Namespace == "Microsoft.Resources" {
		return rest.InvalidAPIVersion(version, supported)
	}
	return rest.NoRegisteredProvider(location, version, m.Type.Name, supported, locations)
}
