package registry

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"path"
	"slices"
	"time"

	"github.com/distribution/distribution/v3"
	"github.com/distribution/distribution/v3/registry/storage/driver"
	"github.com/opencontainers/go-digest"
)

// attributes say what can be done with something: everything, here.
type attributes struct {
	Delete bool `json:"deleteEnabled"`
	Write  bool `json:"writeEnabled"`
	List   bool `json:"listEnabled"`
	Read   bool `json:"readEnabled"`
}

func changeable() attributes { return attributes{true, true, true, true} }

// tagged is a tag.
type tagged struct {
	Name       string     `json:"name"`
	Digest     string     `json:"digest"`
	Created    string     `json:"createdTime"`
	Updated    string     `json:"lastUpdateTime"`
	Signed     bool       `json:"signed"`
	Changeable attributes `json:"changeableAttributes"`
}

// pushed is a manifest.
type pushed struct {
	Digest       string     `json:"digest"`
	Size         int64      `json:"imageSize"`
	Created      string     `json:"createdTime"`
	Updated      string     `json:"lastUpdateTime"`
	Architecture string     `json:"architecture,omitempty"`
	OS           string     `json:"os,omitempty"`
	MediaType    string     `json:"mediaType"`
	ConfigType   string     `json:"configMediaType,omitempty"`
	ArtifactType string     `json:"artifactType,omitempty"`
	Tags         []string   `json:"tags,omitempty"`
	Changeable   attributes `json:"changeableAttributes"`
}

// body is an answer about the repository.
func (h shelf) body(member string, value any) map[string]any {
	return map[string]any{"registry": h.registry.LoginServer, "imageName": h.name, member: value}
}

// exists reports whether something was pushed to the repository.
func (h shelf) exists(ctx context.Context) (bool, error) {
	_, err := h.driver.Stat(ctx, repositoriesFolder+h.name+"/_manifests")
	return err == nil, absent(err)
}

// written is when a file of the repository was, as Azure writes times.
func (h shelf) written(ctx context.Context, file string) string {
	info, err := h.driver.Stat(ctx, path.Join(repositoriesFolder+h.name, "_manifests", file))
	if err != nil {
		return ""
	}
	return info.ModTime().UTC().Format("2006-01-02T15:04:05.0000000Z")
}

// tags lists all, by name.
func (h shelf) tags(ctx context.Context) ([]tagged, error) {
	service := h.repository.Tags(ctx)
	names, err := service.All(ctx)
	var unknown distribution.ErrRepositoryUnknown
	if err != nil && !errors.As(err, &unknown) {
		return nil, err
	}
	slices.Sort(names)
	list := make([]tagged, 0, len(names))
	for _, name := range names {
		found, err := service.Get(ctx, name)
		if tagUnknownOnly(err) {
			continue // it went meanwhile
		}
		if err != nil {
			return nil, err
		}
		list = append(list, tagged{
			Name: name, Digest: found.Digest.String(), Updated: h.written(ctx, "tags/"+name+"/current/link"),
			Created: h.written(ctx, path.Join("tags", name, "index", found.Digest.Algorithm().String(), found.Digest.Encoded(), "link")), Changeable: changeable(),
		})
	}
	return list, nil
}

func tagUnknownOnly(err error) bool {
	var unknown distribution.ErrTagUnknown
	var gone driver.PathNotFoundError
	return errors.As(err, &unknown) || errors.As(err, &gone)
}

// byTime sorts as the query says.
func byTime[T any](req *http.Request, list []T, updated func(T) string) {
	order := func(a, b T) int { return cmp.Compare(updated(a), updated(b)) }
	switch req.URL.Query().Get("orderby") {
	case "timeasc":
		slices.SortStableFunc(list, order)
	case "timedesc":
		slices.SortStableFunc(list, func(a, b T) int { return order(b, a) })
	}
}

func (h shelf) listTags(w http.ResponseWriter, req *http.Request) error {
	list, err := h.tags(req.Context())
	if err != nil {
		return err
	}
	if wanted := req.URL.Query().Get("digest"); wanted != "" {
		list = slices.DeleteFunc(list, func(t tagged) bool { return t.Digest != wanted })
	}
	byTime(req, list, func(t tagged) string { return t.Updated })
	page, err := paged(w, req, list, func(t tagged) string { return t.Name })
	if err != nil {
		return err
	}
	answer(w, http.StatusOK, h.body("tags", page))
	return nil
}

func (h shelf) showTag(w http.ResponseWriter, req *http.Request, name string) error {
	list, err := h.tags(req.Context())
	if err != nil {
		return err
	}
	at := slices.IndexFunc(list, func(t tagged) bool { return t.Name == name })
	if at < 0 {
		return tagUnknown(distribution.ErrTagUnknown{Tag: name}, name)
	}
	answer(w, http.StatusOK, h.body("tag", list[at]))
	return nil
}

// manifests lists all, by digest.
func (h shelf) manifests(ctx context.Context) ([]pushed, error) {
	tags, err := h.tags(ctx)
	if err != nil {
		return nil, err
	}
	list := []pushed{}
	err = manifestsOf(ctx, h.repository, func(d digest.Digest, m distribution.Manifest, unreadable error) error {
		at := h.written(ctx, path.Join("revisions", d.Algorithm().String(), d.Encoded(), "link"))
		one := pushed{Digest: d.String(), Created: at, Updated: at, Changeable: changeable()}
		for _, t := range tags {
			if t.Digest == one.Digest {
				one.Tags = append(one.Tags, t.Name)
			}
		}
		if unreadable == nil { // else it can still be seen, and deleted
			h.describe(ctx, m, &one)
		}
		list = append(list, one)
		return nil
	})
	slices.SortFunc(list, func(a, b pushed) int { return cmp.Compare(a.Digest, b.Digest) })
	return list, err
}

// longestConfig bounds what is read of an image's configuration.
const longestConfig = 1 << 20

// describe adds what the manifest itself says.
func (h shelf) describe(ctx context.Context, m distribution.Manifest, one *pushed) {
	kind, payload, err := m.Payload()
	if err != nil {
		return // nothing more is known of it
	}
	one.MediaType = kind
	for _, part := range m.References() {
		one.Size += part.Size
	}
	var says struct {
		ArtifactType string `json:"artifactType"`
		Config       struct {
			MediaType string        `json:"mediaType"`
			Digest    digest.Digest `json:"digest"`
			Size      int64         `json:"size"`
		} `json:"config"`
	}
	if json.Unmarshal(payload, &says) != nil {
		return
	}
	one.ConfigType, one.ArtifactType = says.Config.MediaType, says.ArtifactType
	if says.Config.Digest == "" || says.Config.Size > longestConfig {
		return
	}
	config, err := h.repository.Blobs(ctx).Get(ctx, says.Config.Digest)
	if err != nil {
		return
	}
	var image struct {
		Architecture string `json:"architecture"`
		OS           string `json:"os"`
	}
	if json.Unmarshal(config, &image) == nil {
		one.Architecture, one.OS = image.Architecture, image.OS
	}
}

func (h shelf) listManifests(w http.ResponseWriter, req *http.Request) error {
	list, err := h.manifests(req.Context())
	if err != nil {
		return err
	}
	byTime(req, list, func(p pushed) string { return p.Updated })
	page, err := paged(w, req, list, func(p pushed) string { return p.Digest })
	if err != nil {
		return err
	}
	answer(w, http.StatusOK, h.body("manifests", page))
	return nil
}

func (h shelf) showManifest(w http.ResponseWriter, req *http.Request, wanted string) error {
	list, err := h.manifests(req.Context())
	if err != nil {
		return err
	}
	at := slices.IndexFunc(list, func(p pushed) bool { return p.Digest == wanted })
	if at < 0 {
		return &problem{status: http.StatusNotFound, Code: "MANIFEST_UNKNOWN", Message: "manifest " + wanted + " is not found"}
	}
	answer(w, http.StatusOK, h.body("manifest", list[at]))
	return nil
}

// show describes the repository as a whole.
func (h shelf) show(w http.ResponseWriter, req *http.Request) error {
	tags, err := h.tags(req.Context())
	if err != nil {
		return err
	}
	first, last, manifests := "", "", 0
	if err := manifestsOf(req.Context(), h.repository, func(d digest.Digest, _ distribution.Manifest, _ error) error {
		manifests++
		at := h.written(req.Context(), path.Join("revisions", d.Algorithm().String(), d.Encoded(), "link"))
		if first == "" || at < first {
			first = at
		}
		last = max(last, at)
		return nil
	}); err != nil {
		return err
	}
	for _, t := range tags {
		last = max(last, t.Updated)
	}
	if first == "" { // every manifest was deleted
		first = time.Time{}.Format(time.RFC3339)
		last = max(last, first)
	}
	body := h.body("changeableAttributes", changeable())
	body["createdTime"], body["lastUpdateTime"], body["manifestCount"], body["tagCount"] = first, last, manifests, len(tags)
	answer(w, http.StatusOK, body)
	return nil
}
