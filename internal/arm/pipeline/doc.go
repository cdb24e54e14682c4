// Package pipeline is the one way to a resource: every ARM call passes it, in an
// order that nothing can skip.
//
//	authenticate.go  who calls: a verified bearer token, or 401
//	(arm/route)      what the call means: type, resource, api-version, or 4xx
//	authorise.go     may they: the action at the scope, or 403
//	read.go write.go delete.go action.go   validate → admit → store, per method
//	render.go page.go operation.go         the answer, as a value
//	record.go        what was asked, decided and answered
//
// It guarantees that no provider's function runs before the caller is known and
// allowed to do what was asked, that linked scopes are checked before anything is
// written, and that a write is decided on exactly the state that it replaces: if
// that changed, the decision is made again. It knows no HTTP: the edge turns
// requests into Calls and writes the rest.Responses.
package pipeline
