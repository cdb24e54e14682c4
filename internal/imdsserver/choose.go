package imdsserver

import (
	"strings"

	"github.com/lanyard-project/lanyard/internal/imds"
)

// choose finds the identity that a request means, among those that the machine's scale set carries now. Without a
// selector it is the system-assigned one, or else the only user-assigned one.
func choose(m Machine, s imds.Selector) (Identity, *imds.Error) {
	if s.Kind != imds.SelectNone {
		for _, identity := range m.identities() {
			if identity.is(s) {
				return identity, nil
			}
		}
		return Identity{}, imds.NotFound("")
	}
	switch {
	case m.System != nil:
		return *m.System, nil
	case len(m.User) == 1:
		return m.User[0], nil
	case len(m.User) > 1:
		return Identity{}, imds.Ambiguous()
	}
	return Identity{}, imds.NotFound("")
}

func (m Machine) identities() []Identity {
	all := make([]Identity, 0, len(m.User)+1)
	if m.System != nil {
		all = append(all, *m.System)
	}
	return append(all, m.User...)
}

// is reports whether the selector names the identity. GUIDs and resource IDs are compared without regard to case.
// A system-assigned identity has no resource of its own, so no resource ID names it.
func (i Identity) is(s imds.Selector) bool {
	switch s.Kind {
	case imds.SelectClientID:
		return strings.EqualFold(i.ClientID, s.Value)
	case imds.SelectObjectID:
		return strings.EqualFold(i.PrincipalID, s.Value)
	case imds.SelectResourceID:
		return i.ResourceID != "" && strings.EqualFold(i.ResourceID, s.Value)
	case imds.SelectNone:
	}
	return false
}
