package chartrepo

import (
	"bytes"
	"net/http"
	"path"
	"time"

	"github.com/lanyard-project/lanyard/charts"
)

// Predecessor is the name under which the chart of mic and nmi is found as well: that of the chart that it takes the place of.
const Predecessor = "aad-pod-identity"

// Lanyard is the chart of mic and nmi, and an index that leads to it.
func Lanyard(base string) (Archive, []byte, error) {
	archive, err := Pack(charts.Lanyard, "lanyard")
	if err != nil {
		return Archive{}, nil, err
	}
	index, err := Index(archive, base, Predecessor)
	return archive, index, err
}

// Handler serves index.yaml and the chart's archive beside it, below any path.
func Handler() (http.Handler, error) {
	archive, index, err := Lanyard("")
	if err != nil {
		return nil, err
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "charts can only be read", http.StatusMethodNotAllowed)
			return
		}
		switch path.Base(r.URL.Path) {
		case "index.yaml":
			w.Header().Set("Content-Type", "application/yaml")
			http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(index))
		case archive.File:
			w.Header().Set("Content-Type", "application/gzip")
			http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(archive.Data))
		default:
			http.NotFound(w, r)
		}
	}), nil
}
