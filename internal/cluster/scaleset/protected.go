package scaleset

import "strings"

// Protected are identities that are never removed from a scale set, whoever
// put them there: the cluster's own and those that the operator names.
type Protected map[string]bool

// NewProtected takes client IDs and resource IDs in any letter case; empty
// ones are left out.
func NewProtected(ids ...string) Protected {
	p := Protected{}
	for _, id := range ids {
		if id = strings.ToLower(strings.TrimSpace(id)); id != "" {
			p[id] = true
		}
	}
	return p
}

// Has reports whether an identity is protected by its resource ID or client ID.
func (p Protected) Has(resourceID, clientID string) bool {
	return p[strings.ToLower(resourceID)] || p[strings.ToLower(clientID)]
}
