// Package documents finds resources in the store: one document a key, the key
// being the resource ID's, so that everything below a scope is one range.
//
// It stands on store and arm/resource, below the operations engine, which is the
// only one that writes. Reading here checks no rights: that is the pipeline's.
package documents
