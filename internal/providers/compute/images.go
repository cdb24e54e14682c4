package compute

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/providers"
)

const (
	imageType = "locations/publishers/artifacttypes/offers/skus"
	// imageVersion is the one version that every image of the marketplace has here.
	imageVersion = "1.0.0"
)

// images are the marketplace's, which clients look up before they make a machine. Machines don't boot here, so there is no
// catalogue: every publisher, offer and SKU that is asked for is there, in one version.
func (p *Provider) images() []*providers.Type {
	there := func(_ context.Context, r *providers.Request) (*resource.Resource, error) {
		return &resource.Resource{ID: r.ID}, nil
	}
	shared := providers.Type{
		Namespace: namespace, APIVersions: append([]string{"2017-03-30", "2017-12-01", "2018-04-01"}, apiVersions()...),
		Levels: providers.AtSubscription, Verbs: providers.CanGet, HideSystem: true, HideState: true, Get: there,
	}
	skus, versions := shared, shared
	skus.Name = imageType
	skus.Actions = []providers.Action{{Name: "versions", Method: http.MethodGet, Anew: true, Run: imageVersions}}
	versions.Name = imageType + "/versions"
	versions.Get = func(_ context.Context, r *providers.Request) (*resource.Resource, error) {
		if r.ID.Name() != imageVersion {
			return nil, nil
		}
		return &resource.Resource{ID: r.ID}, nil
	}
	versions.NotFound = func(armid.ID) *rest.Error {
		return rest.NewError(http.StatusNotFound, "NotFound", "Artifact: VMImage was not found.")
	}
	versions.Document = func(_ context.Context, r *resource.Resource, _ string) (json.RawMessage, error) {
		return json.Marshal(imageDocument(r.ID))
	}
	return []*providers.Type{&skus, &versions}
}

type image struct {
	Properties *imageProperties `json:"properties,omitempty"`
	Location   string           `json:"location"`
	Name       string           `json:"name"`
	ID         string           `json:"id"`
}

type imageProperties struct {
	Generation   string `json:"hyperVGeneration"`
	Architecture string `json:"architecture"`
	Disk         struct {
		System string `json:"operatingSystem"`
	} `json:"osDiskImage"`
	DataDisks []struct{} `json:"dataDiskImages"`
}

// imageVersions answers with a bare list, without ARM's envelope, as Azure does.
func imageVersions(_ context.Context, r *providers.Request) (rest.Response, error) {
	one := imageDocument(r.ID.Child("versions", imageVersion))
	one.Properties = nil
	return rest.OK([]image{one}), nil
}

func imageDocument(id armid.ID) image {
	sku := id.Parent()
	publisher := sku.Parent().Parent().Parent()
	properties := &imageProperties{Generation: "V1", Architecture: "x64", DataDisks: []struct{}{}}
	properties.Disk.System = "Linux"
	if strings.HasPrefix(strings.ToLower(publisher.Name()), "microsoftwindows") {
		properties.Disk.System = "Windows"
	}
	if strings.Contains(strings.ToLower(sku.Name()), "gen2") {
		properties.Generation = "V2"
	}
	return image{Properties: properties, Location: publisher.Parent().Name(), Name: id.Name(), ID: id.String()}
}
