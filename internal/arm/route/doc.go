// Package route finds what a call means: its path is read once into a resource
// ID, and (method, type, action) looked up among the registered types.
//
// It stands between the pipeline, which asks it, and the registry. It is pure:
// whether the resource exists, and whether the caller may know, is the
// pipeline's business. Paths are matched in any casing; the IDs in a Match have
// the registered casing of namespaces and types.
package route
