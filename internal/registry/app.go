package registry

import (
	"net/http"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/distribution/distribution/v3"
	"github.com/distribution/distribution/v3/registry/storage/driver"
	"github.com/opencontainers/go-digest"
)

// app is a registry's images.
type app struct {
	handler http.Handler // the library's
	folder  string
	close   func() error
	driver  driver.StorageDriver
	stored  distribution.Namespace
	opened  time.Time
	pieces  sync.Pool // *[]byte, for who pulls

	// pushing is held by every request that may write, and alone by who collects
	// garbage: a layer must not go while somebody is told that it is there.
	pushing sync.RWMutex

	mu     sync.Mutex
	used   map[digest.Digest]heard // of layers, by who pushes
	active map[string]time.Time    // when somebody sent a part of a layer to a repository
	due    time.Time               // of the next collection
}

// heard is when and in which repository somebody last sent a layer, or was told that it
// is there.
type heard struct {
	at time.Time
	in string
}

// serve lets the library answer, which asks guard first.
func (a *app) serve(w http.ResponseWriter, req *http.Request, v *visit, now func() time.Time) error {
	if req.Method == http.MethodGet { // a file that is being read stays until it was
		req = req.WithContext(withVisit(req.Context(), v))
		if isPull(req) {
			return a.pull(w, req)
		}
		a.handler.ServeHTTP(w, req)
		return nil
	}
	// Only who is let in may keep the collector waiting, for as long as he sends.
	held := false
	v.enter = func() {
		if !held {
			held = true
			a.pushing.RLock()
		}
	}
	defer func() {
		if held {
			a.pushing.RUnlock()
		}
	}()
	seen := &outcome{ResponseWriter: w}
	a.handler.ServeHTTP(seen, req.WithContext(withVisit(req.Context(), v)))
	if seen.status/100 == 2 {
		a.note(req, now())
	}
	return nil
}

// note remembers which layers a push relies on, where one is going on, and that a
// deletion leaves garbage.
func (a *app) note(req *http.Request, now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	repository, _, upload := strings.Cut(strings.TrimPrefix(req.URL.Path, "/v2/"), "/blobs/uploads/")
	if upload {
		a.active[repository] = now
	} else {
		repository, _, _ = strings.Cut(repository, "/blobs/")
	}
	query := req.URL.Query()
	for _, text := range []string{path.Base(req.URL.Path), query.Get("digest"), query.Get("mount")} {
		if d, err := digest.Parse(text); err == nil {
			a.used[d] = heard{now, repository}
		}
	}
	if req.Method == http.MethodDelete || req.Method == http.MethodPut {
		a.soon(now)
	}
}

// soon makes the next collection come soon; the caller holds the lock.
func (a *app) soon(now time.Time) {
	if at := now.Add(sweepEvery); at.Before(a.due) {
		a.due = at
	}
}

// outcome remembers an answer's status.
type outcome struct {
	http.ResponseWriter
	status int
}

// WriteHeader implements http.ResponseWriter.
func (o *outcome) WriteHeader(status int) {
	if o.status == 0 {
		o.status = status
	}
	o.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (o *outcome) Write(p []byte) (int, error) {
	if o.status == 0 {
		o.status = http.StatusOK
	}
	return o.ResponseWriter.Write(p)
}

// Unwrap is for http.ResponseController.
func (o *outcome) Unwrap() http.ResponseWriter { return o.ResponseWriter }
