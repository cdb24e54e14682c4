// Package match decides which identities a pod is to have: pods by the value
// of their label, bindings by selector, identities by name.
//
// It is the first step of mic: pod → match → assign → scaleset. It is pure: it
// looks things up in a View and returns values. The work for one pod is in
// proportion to the bindings with its own label value, never to all bindings
// of the cluster; index.go has the keys that make the lookups cheap.
//
// It guarantees that an identity which is confined to its namespace is never
// matched with a pod of another one, and that the same objects yield the same
// matches in the same order. It doesn't know whether the identity exists in
// Azure or whether its client ID is true: that is scaleset's.
package match
