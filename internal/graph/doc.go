// Package graph answers the part of Microsoft Graph's v1.0 that clients look
// principals up with before they assign roles to them.
//
//	edge (/v1.0) → graph → tokens (who asks) and directory (who there is)
//
// One file a kind of object: serviceprincipal.go, application.go, user.go,
// group.go, and getbyids.go across them. filter.go parses $filter into a tree
// (pure), entity.go ties it to what objects have, query.go reads the options around
// it and cuts pages, errors.go has Graph's envelope.
//
// It guarantees that nothing is answered without a verified token for this
// service, that a caller sees its own tenant and no other, that a managed
// identity can't read the directory unless its token has a role for it, and that
// a query that isn't understood is refused by name, never answered with too much.
// It writes nothing: principals are made by their providers and at the first start.
package graph
