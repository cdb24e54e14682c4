package chartrepo

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"helm.sh/helm/v3/pkg/chart"
	"sigs.k8s.io/yaml"
)

// entry is what an index says of one version of a chart.
type entry struct {
	*chart.Metadata
	URLs   []string `json:"urls"`
	Digest string   `json:"digest"`
}

// Index is an index.yaml for an archive, which it expects beside itself or at the base URL. The archive is found under its
// chart's own name and the others.
func Index(a Archive, base string, names ...string) ([]byte, error) {
	sum := sha256.Sum256(a.Data)
	found := []entry{{Metadata: &a.Metadata, URLs: []string{base + a.File}, Digest: hex.EncodeToString(sum[:])}}
	entries := map[string][]entry{a.Metadata.Name: found}
	for _, name := range names {
		entries[name] = found
	}
	index, err := yaml.Marshal(map[string]any{"apiVersion": "v1", "entries": entries})
	if err != nil {
		return nil, fmt.Errorf("writing the index of charts: %w", err)
	}
	return index, nil
}
