package clusters

import (
	"path"
	"strings"
)

// IsRecord reports whether a file or folder of DataDir, by its relative name with
// slashes, is needed to start clusters again elsewhere: what was asked for, and
// nodes' keys. All the rest is made from it.
func IsRecord(name string) bool {
	parts := strings.Split(name, "/")
	switch {
	case parts[0] == "vnets":
		return true
	case parts[0] != "clusters":
		return false
	}
	switch len(parts) {
	case 1, 2: // clusters/ID
		return true
	case 3:
		return parts[2] == "nodes" || path.Ext(name) == ".json"
	case 4: // clusters/ID/nodes/NAME
		return parts[2] == "nodes"
	default:
		return parts[2] == "nodes" && (parts[4] == "pki" || parts[4] == "node.json")
	}
}
