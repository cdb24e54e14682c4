package registry_test

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/lanyard-project/lanyard/internal/registry"
)

// layerFile is where a layer lies.
func (r *rig) layerFile(layer v1.Layer) string {
	r.Helper()
	d, err := layer.Digest()
	if err != nil {
		r.Fatal(err)
	}
	found, err := filepath.Glob(filepath.Join(r.folder, "*", "docker/registry/v2/blobs", d.Algorithm, d.Hex[:2], d.Hex, "data"))
	if err != nil {
		r.Fatal(err)
	}
	if len(found) == 0 {
		return ""
	}
	return found[0]
}

func (r *rig) remove(who authn.Authenticator, tag string) {
	r.Helper()
	found, err := remote.Head(r.tag(tag), r.remote(who)...)
	if err != nil {
		r.Fatal(err)
	}
	if err := remote.Delete(r.tag(tag).Context().Digest(found.Digest.String()), r.remote(who)...); err != nil {
		r.Fatal(err)
	}
}

// tidy lets time pass and does what is due then.
func (r *rig) tidy(clk *clocktesting.FakeClock, later time.Duration) {
	r.Helper()
	clk.Step(later)
	if err := r.service.Sweep(r.Context()); err != nil {
		r.Fatal(err)
	}
}

// TestLayersThatNoManifestNamesAreRemoved: after an image was deleted its own layers go;
// what another image shares with it, and what is being pushed, stays.
func TestLayersThatNoManifestNamesAreRemoved(t *testing.T) {
	r := newRig(t)
	clk := clocktesting.NewFakeClock(time.Now())
	r.options.Clock = clk
	r.serve()
	r.registry(`"adminUserEnabled":true`)
	who := r.admins()
	one, other := r.image(2000, 3), r.image(2000, 2)
	for tag, image := range map[string]v1.Image{"team/web:1": one, "shared:1": one, "team/other:1": other} {
		if err := r.push(who, tag, image); err != nil {
			t.Fatal(err)
		}
	}
	layers, err := other.Layers()
	if err != nil {
		t.Fatal(err)
	}
	begun := r.image(3000, 1) // its manifest hasn't been sent yet
	begunLayers, err := begun.Layers()
	if err != nil {
		t.Fatal(err)
	}
	r.tidy(clk, 2*time.Hour) // what the service had heard of before is forgotten
	if err := remote.WriteLayer(r.tag("team/web:2").Context(), begunLayers[0], r.remote(who)...); err != nil {
		t.Fatal(err)
	}
	r.remove(who, "team/other:1")
	r.remove(who, "shared:1")
	r.tidy(clk, 2*time.Minute)
	for i, layer := range layers {
		if r.layerFile(layer) != "" {
			t.Errorf("layer %d of the deleted image is still there", i)
		}
	}
	if err := r.pull(who, "team/web:1"); err != nil {
		t.Errorf("an image that shared all with a deleted one: %v", err)
	}
	if r.layerFile(begunLayers[0]) == "" {
		t.Error("a layer is gone while its image is being pushed")
	}
	if err := r.push(who, "team/web:2", begun); err != nil {
		t.Error(err)
	}
	if err := r.push(who, "team/other:1", other); err != nil { // nothing remembers that its layers were there
		t.Error(err)
	}
	if err := r.pull(who, "team/other:1"); err != nil {
		t.Errorf("an image that was pushed again: %v", err)
	}
	r.tidy(clk, 48*time.Hour)
	for _, tag := range []string{"team/web:1", "team/web:2", "team/other:1"} {
		if err := r.pull(who, tag); err != nil {
			t.Errorf("%s, two days later: %v", tag, err)
		}
	}
}

// TestLayersWithoutAManifestDoNotStay: they would take room for ever.
func TestLayersWithoutAManifestDoNotStay(t *testing.T) {
	r := newRig(t)
	clk := clocktesting.NewFakeClock(time.Now())
	r.options.Clock = clk
	r.serve()
	r.registry(`"adminUserEnabled":true`)
	layers, err := r.image(2000, 1).Layers()
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.WriteLayer(r.tag("web:1").Context(), layers[0], r.remote(r.admins())...); err != nil {
		t.Fatal(err)
	}
	r.tidy(clk, 59*time.Minute)
	if r.layerFile(layers[0]) == "" {
		t.Error("a layer is gone before its manifest may have come")
	}
	r.tidy(clk, time.Hour)
	if r.layerFile(layers[0]) != "" {
		t.Error("a layer that nobody named stays")
	}
}

// TestImagesOfDeletedRegistriesAreRemoved is about the folder; TestNextRegistryOfTheNameIsAnother
// about who sees them.
func TestImagesOfDeletedRegistriesAreRemoved(t *testing.T) {
	r := newRig(t)
	r.registry(`"adminUserEnabled":true`)
	if err := r.push(r.admins(), "web:1", r.image(1000, 1)); err != nil {
		t.Fatal(err)
	}
	folders := func() []string {
		found, err := filepath.Glob(filepath.Join(r.folder, "*", "docker"))
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	if len(folders()) != 1 {
		t.Fatalf("the registry has %v", folders())
	}
	size, err := registry.Size(r.folder, filepath.Base(filepath.Dir(folders()[0])))
	if err != nil || size < 1000 {
		t.Errorf("the registry takes %d bytes: %v", size, err)
	}
	r.call(http.MethodDelete, hub, "")
	if err := r.service.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if left := folders(); len(left) > 0 {
		t.Errorf("images of a registry that was deleted: %v", left)
	}
	if _, err := os.Stat(filepath.Join(r.folder, "upload.secret")); err != nil {
		t.Error(err)
	}
}
