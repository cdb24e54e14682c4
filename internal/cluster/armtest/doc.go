// Package armtest is a FAKE of the one corner of Azure Resource Manager that
// mic talks to: GET and PATCH of the identity of a virtual machine scale set or
// a virtual machine, over TLS, as a long-running operation. It is for tests of mic alone.
//
// It keeps the rules of the real service's merge PATCH: IDs are compared
// without regard to letter case, an entry adds, null removes, what isn't
// mentioned stays, type None and SystemAssigned remove all; an identity that
// doesn't exist fails the whole request with FailedIdentityOperation, one that
// the caller may not assign with LinkedAuthorizationFailed, which names it;
// If-Match is honoured; an operation that was accepted shows its effect when it
// is done. It has no other property of a scale set and checks no token beyond
// its presence.
package armtest
