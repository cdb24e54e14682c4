package azextension

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"path"
	"time"
)

// Handler serves /extensions/index.json and the wheel beside it. Origin is the base URL in the index.
func Handler(origin string) (http.Handler, error) {
	packed, err := pack()
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(packed)
	index, err := json.MarshalIndent(map[string]any{
		"formatVersion": "1",
		"extensions": map[string]any{name: []any{map[string]any{
			"downloadUrl": origin + "/extensions/" + wheel, "filename": wheel, "sha256Digest": hex.EncodeToString(sum[:]),
			"metadata": map[string]any{
				"name": name, "version": version, "summary": "Pod identity of AKS for az", "license": "Apache-2.0",
				"azext.minCliCoreVersion": "2.20.0", "azext.isPreview": true,
			},
		}}},
	}, "", "  ")
	if err != nil {
		return nil, err
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "extensions can only be read", http.StatusMethodNotAllowed)
			return
		}
		switch path.Base(r.URL.Path) {
		case "index.json":
			w.Header().Set("Content-Type", "application/json")
			http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(index))
		case wheel:
			w.Header().Set("Content-Type", "application/zip")
			http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(packed))
		default:
			http.NotFound(w, r)
		}
	}), nil
}
