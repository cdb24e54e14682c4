package registry

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/distribution/distribution/v3"
	"github.com/distribution/distribution/v3/registry/storage"
	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"

	"github.com/lanyard-project/lanyard/internal/providers/containerregistry"
)

// artifactsPath begins the paths of Azure's own interface to what a registry holds,
// which az acr repository and acr manifest speak, and the Azure SDK.
const artifactsPath = "/acr/v1/"

const (
	pageOfArtifacts    = 100
	mostOfArtifacts    = 1000
	tagsPart           = "_tags"
	manifestsPart      = "_manifests"
	repositoriesFolder = "/docker/registry/v2/repositories/"
)

// shelf is one repository, for one request.
type shelf struct {
	*app
	registry   *containerregistry.Registry
	name       string
	repository distribution.Repository
}

// artifacts answers a request of that interface.
func (s *Service) artifacts(w http.ResponseWriter, req *http.Request, r *containerregistry.Registry, a *app) error {
	path := strings.Split(strings.TrimPrefix(req.URL.Path, artifactsPath), "/")
	if len(path) == 1 && path[0] == "_catalog" {
		return s.repositoriesOf(w, req, r, a)
	}
	part, item := "", ""
	at := slices.IndexFunc(path, func(segment string) bool { return segment == tagsPart || segment == manifestsPart })
	if at > 0 && len(path) <= at+2 {
		part = path[at]
		if len(path) == at+2 {
			item = path[at+1]
		}
		path = path[:at]
	}
	name := strings.Join(path, "/")
	repository, err := a.repository(req.Context(), name)
	if err != nil || slices.Contains(path, tagsPart) || slices.Contains(path, manifestsPart) {
		return &problem{status: http.StatusBadRequest, Code: "NAME_INVALID", Message: fmt.Sprintf("invalid repository name: %q", name)}
	}
	needed := map[string]string{http.MethodGet: metadataRead, http.MethodPatch: metadataWrite, http.MethodDelete: remove}[req.Method]
	if needed == "" || req.Method == http.MethodDelete && part == manifestsPart {
		return &problem{status: http.StatusMethodNotAllowed, Code: "UNSUPPORTED", Message: "the operation is unsupported."}
	}
	if _, err := s.authorize(req, r, []access{{repositoryKind, name, needed}}); err != nil {
		return err
	}
	on := shelf{a, r, name, repository}
	if known, err := on.exists(req.Context()); err != nil || !known {
		return errors.Join(err, nameUnknown(name))
	}
	switch {
	case req.Method == http.MethodPatch:
		return &problem{status: http.StatusMethodNotAllowed, Code: "UNSUPPORTED", Message: "the attributes of repositories, tags and manifests can't be changed here: everything can be read, listed, written and deleted by whoever has the right."}
	case req.Method == http.MethodDelete && part == tagsPart && item != "":
		return on.untag(w, req, item)
	case req.Method == http.MethodDelete && part == "":
		return s.removeRepository(w, req, on)
	case req.Method == http.MethodDelete:
		return &problem{status: http.StatusMethodNotAllowed, Code: "UNSUPPORTED", Message: "the operation is unsupported."}
	case part == tagsPart && item == "":
		return on.listTags(w, req)
	case part == tagsPart:
		return on.showTag(w, req, item)
	case part == manifestsPart && item == "":
		return on.listManifests(w, req)
	case part == manifestsPart:
		return on.showManifest(w, req, item)
	}
	return on.show(w, req)
}

func nameUnknown(name string) *problem {
	return &problem{status: http.StatusNotFound, Code: "NAME_UNKNOWN", Message: "repository name not known to registry", Detail: map[string]string{"name": name}}
}

// repositoriesOf lists the registry's repositories.
func (s *Service) repositoriesOf(w http.ResponseWriter, req *http.Request, r *containerregistry.Registry, a *app) error {
	if req.Method != http.MethodGet {
		return &problem{status: http.StatusMethodNotAllowed, Code: "UNSUPPORTED", Message: "the operation is unsupported."}
	}
	if _, err := s.authorize(req, r, []access{{registryKind, catalogName, everything}}); err != nil {
		return err
	}
	names := []string{}
	if err := a.repositories(req.Context(), func(name string, _ distribution.Repository) error {
		names = append(names, name)
		return nil
	}); err != nil {
		return err
	}
	slices.Sort(names)
	page, err := paged(w, req, names, func(name string) string { return name })
	if err != nil {
		return err
	}
	answer(w, http.StatusOK, map[string]any{"repositories": page})
	return nil
}

// paged cuts out the page that the query asks for, and says where the next one is.
func paged[T any](w http.ResponseWriter, req *http.Request, all []T, name func(T) string) ([]T, error) {
	query := req.URL.Query()
	n := pageOfArtifacts
	if text := query.Get("n"); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil || n < 1 {
			return nil, &problem{status: http.StatusBadRequest, Code: "PAGINATION_NUMBER_INVALID", Message: "invalid number of results requested"}
		}
	}
	n = min(n, mostOfArtifacts)
	if last := query.Get("last"); last != "" {
		at := slices.IndexFunc(all, func(one T) bool { return name(one) == last })
		if at < 0 && query.Get("orderby") == "" { // it was deleted meanwhile
			at = slices.IndexFunc(all, func(one T) bool { return name(one) > last }) - 1
			if at < -1 {
				at = len(all) - 1
			}
		}
		all = all[at+1:]
	}
	if len(all) > n {
		all = all[:n]
		next := url.Values{"last": {name(all[n-1])}, "n": {strconv.Itoa(n)}}
		if order := query.Get("orderby"); order != "" {
			next.Set("orderby", order)
		}
		w.Header().Set("Link", fmt.Sprintf(`<%s?%s>; rel="next"`, req.URL.EscapedPath(), next.Encode()))
	}
	return all, nil
}

// untag takes a tag away; its manifest stays.
func (h shelf) untag(w http.ResponseWriter, req *http.Request, tag string) error {
	h.pushing.RLock()
	defer h.pushing.RUnlock()
	tags := h.repository.Tags(req.Context())
	if _, err := tags.Get(req.Context(), tag); err != nil {
		return tagUnknown(err, tag)
	}
	if err := tags.Untag(req.Context(), tag); err != nil {
		return tagUnknown(err, tag)
	}
	w.WriteHeader(http.StatusAccepted)
	return nil
}

func tagUnknown(err error, tag string) error {
	var unknown distribution.ErrTagUnknown
	var invalid distribution.ErrManifestUnknownRevision
	if errors.As(err, &unknown) || errors.As(err, &invalid) || !reference.TagRegexp.MatchString(tag) || absent(err) == nil {
		return &problem{status: http.StatusNotFound, Code: "TAG_UNKNOWN", Message: fmt.Sprintf("the specified tag does not exist: %s", tag)}
	}
	return err
}

// removeRepository removes all of a repository; layers go with the next collection.
func (s *Service) removeRepository(w http.ResponseWriter, req *http.Request, h shelf) error {
	if !h.pushing.TryLock() { // what is being pushed would be there by half
		w.Header().Set("Retry-After", "1")
		return &problem{status: http.StatusConflict, Code: "CONFLICT", Message: "somebody is pushing to the registry, try again"}
	}
	defer h.pushing.Unlock()
	tags, err := h.tags(req.Context())
	if err != nil {
		return err
	}
	gone := map[string][]string{"manifestsDeleted": {}, "tagsDeleted": {}}
	for _, t := range tags {
		gone["tagsDeleted"] = append(gone["tagsDeleted"], t.Name)
	}
	if err := manifestsOf(req.Context(), h.repository, func(d digest.Digest, _ distribution.Manifest, _ error) error {
		gone["manifestsDeleted"] = append(gone["manifestsDeleted"], d.String())
		return nil
	}); err != nil {
		return err
	}
	// Those whose names begin with this one's are others.
	if err := storage.NewVacuum(req.Context(), h.driver).RemoveRepository(h.name); err != nil {
		return fmt.Errorf("removing repository %s: %w", h.name, err)
	}
	h.mu.Lock()
	h.soon(s.o.Clock.Now())
	h.mu.Unlock()
	answer(w, http.StatusAccepted, gone)
	return nil
}
