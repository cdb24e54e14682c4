package armtest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// maxIdentities is how many entries the real service takes in one PATCH.
const maxIdentities = 150

type patchBody struct {
	Identity *struct {
		Type                   string                     `json:"type"`
		UserAssignedIdentities map[string]json.RawMessage `json:"userAssignedIdentities"`
	} `json:"identity"`
}

// patch is called with the lock held.
func (s *Server) patch(w http.ResponseWriter, r *http.Request, v *set) {
	if match := r.Header.Get("If-Match"); match != "" && match != v.etag {
		fail(w, 412, "PreconditionFailed", "The precondition given in one of the request headers evaluated to false.")
		return
	}
	if v.pending != nil {
		fail(w, 409, "OperationNotAllowed", "Another operation on this resource is in progress.")
		return
	}
	var body patchBody
	decoder := json.NewDecoder(r.Body)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&body); err != nil || body.Identity == nil {
		fail(w, 400, "InvalidRequestContent", fmt.Sprintf("The request content was invalid: only an identity may be patched here (%v).", err))
		return
	}
	entries := body.Identity.UserAssignedIdentities
	none := body.Identity.Type == "None" || body.Identity.Type == "SystemAssigned"
	switch {
	case len(entries) > maxIdentities:
		fail(w, 400, "InvalidParameter", "Too many identities.")
		return
	case none && len(entries) > 0:
		fail(w, 400, "InvalidParameter", "userAssignedIdentities must be absent for type "+body.Identity.Type)
		return
	}
	next := map[string]string{}
	if !none {
		for key, shown := range v.assigned {
			next[key] = shown
		}
	}
	if !s.merge(w, v, entries, next) {
		return
	}
	if !none && len(next) == 0 {
		fail(w, 400, "InvalidParameter", "The type UserAssigned needs at least one identity.")
		return
	}
	system := strings.Contains(body.Identity.Type, "SystemAssigned")
	s.accept(w, v, func() {
		v.assigned, v.system = next, system
		s.touch(v)
	})
}

// merge applies the entries to next, or answers with the error of the first
// kind that any of them has.
func (s *Server) merge(w http.ResponseWriter, v *set, entries map[string]json.RawMessage, next map[string]string) bool {
	seen := map[string]bool{}
	var forbidden []string
	for id, value := range entries {
		key := strings.ToLower(id)
		if seen[key] {
			fail(w, 400, "InvalidParameter", fmt.Sprintf(
				"ResourceIdentity identityId '%s' cannot be duplicated in the provided identityIds list.", id))
			return false
		}
		seen[key] = true
		if string(value) == "null" {
			delete(next, key)
			continue
		}
		if i := s.identities[key]; i != nil && i.Forbidden {
			forbidden = append(forbidden, id)
		}
		if _, there := next[key]; !there {
			next[key] = id
		}
	}
	if len(forbidden) > 0 {
		fail(w, 403, "LinkedAuthorizationFailed", fmt.Sprintf(
			"The client 'c' with object id 'c' has permission to perform action 'Microsoft.Compute/virtualMachineScaleSets/write' on scope '%s'; "+
				"however, it does not have permission to perform action 'Microsoft.ManagedIdentity/userAssignedIdentities/assign/action' "+
				"on the linked scope(s) '%s' or the linked scope(s) are invalid.", v.id, strings.Join(forbidden, ",")))
		return false
	}
	for key := range next {
		if s.identities[key] == nil && seen[key] {
			// The real message names the identity; an anonymous one makes the
			// client find out for itself.
			fail(w, 400, "FailedIdentityOperation", fmt.Sprintf("Identity operation for resource '%s' failed with error "+
				"'Failed to perform resource identity operation. Status: 'BadRequest'.'.", v.id))
			return false
		}
	}
	return true
}

// accept starts an operation, or finishes it at once for a set without polls.
func (s *Server) accept(w http.ResponseWriter, v *set, apply func()) {
	if v.polls == 0 {
		apply()
		write(w, 200, s.document(v))
		return
	}
	id := strconv.Itoa(len(s.operations) + 1)
	v.pending = &operation{remaining: v.polls, apply: func() {
		apply()
		v.pending = nil
	}}
	s.operations[id] = v.pending
	w.Header().Set("Azure-AsyncOperation", s.http.URL+"/operations/"+id)
	write(w, 200, s.document(v))
}
