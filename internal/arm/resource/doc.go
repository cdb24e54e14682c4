// Package resource is the document of one ARM resource: an envelope whose parts
// we know, around the properties as the client sent them.
//
// It stands above resource IDs and below the providers. What a client sent and
// nobody here understands stays in the document and comes back on GET, inside
// Properties as well as beside it (Extra). What the server computes and must not
// show goes to Internal.
//
// A document has two encodings: Store for etcd, which keeps everything, and Wire
// for clients. Reading, Set, Merge and Remove work on single properties without
// losing the others. The package knows no types, no rules and no defaults.
package resource
