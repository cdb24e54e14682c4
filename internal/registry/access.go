package registry

import (
	"slices"
	"strings"
)

// access is one thing that can be done: pull from a repository, list the catalog.
type access struct{ kind, name, action string }

// The kinds of what can be accessed, and the actions, as scopes spell them.
const (
	repositoryKind = "repository"
	registryKind   = "registry"

	catalogName = "catalog"

	pull          = "pull"
	push          = "push"
	remove        = "delete"
	metadataRead  = "metadata_read"
	metadataWrite = "metadata_write"
	everything    = "*"
)

// grant is what a token allows on one repository, in a token's own words.
type grant struct {
	Type    string   `json:"type"`
	Name    string   `json:"name"`
	Actions []string `json:"actions"`
}

// maxScopes bounds what one request can ask for.
const maxScopes = 100

// parseScopes reads scopes as clients send them: several parameters, or several in
// one with blanks between, each kind:name:action,action. What isn't of that form is
// left out, as the token specification has it: nobody can be allowed it.
func parseScopes(values []string) []access {
	var all []access
	for _, value := range values {
		for scope := range strings.FieldsSeq(value) {
			kind, rest, ok := strings.Cut(scope, ":")
			at := strings.LastIndexByte(rest, ':')
			if !ok || at <= 0 {
				continue
			}
			// "repository(plugin)" names a class, which makes no difference.
			kind, _, _ = strings.Cut(kind, "(")
			for action := range strings.SplitSeq(rest[at+1:], ",") {
				want := access{kind, rest[:at], action}
				if action == "" || slices.Contains(all, want) {
					continue
				}
				if len(all) == maxScopes {
					return all
				}
				all = append(all, want)
			}
		}
	}
	return all
}

// grants puts accesses together by what they are on.
func grants(all []access) []grant {
	list := []grant{}
	for _, a := range all {
		i := slices.IndexFunc(list, func(g grant) bool { return g.Type == a.kind && g.Name == a.name })
		if i < 0 {
			i, list = len(list), append(list, grant{Type: a.kind, Name: a.name})
		}
		list[i].Actions = append(list[i].Actions, a.action)
	}
	return list
}

// covers reports whether the grants include the access.
func covers(list []grant, a access) bool {
	return slices.ContainsFunc(list, func(g grant) bool {
		return g.Type == a.kind && g.Name == a.name && (slices.Contains(g.Actions, a.action) || slices.Contains(g.Actions, everything))
	})
}
