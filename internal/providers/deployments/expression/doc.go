// Package expression reads and evaluates the expressions of ARM templates:
// "[concat(parameters('name'), '-pip')]".
//
// It is pure. Functions whose result follows from their arguments are here;
// those that need a deployment (parameters, reference, resourceGroup, …) are the
// Environment's. Values are those of JSON: nil, bool, int64, float64, string,
// []any and map[string]any.
//
// guid and uniqueString are deterministic, which is what templates rely on. That
// guid gives the same value as Azure's isn't verified; Azure's algorithm of
// uniqueString isn't public, and ours gives other values than it.
package expression
