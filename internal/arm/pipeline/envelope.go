package pipeline

import (
	"context"
	"fmt"
	"net/http"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/providers"
)

// Limits of tags.
const (
	maxTags     = 50
	maxTagName  = 512
	maxTagValue = 256
)

// checkEnvelope checks what is the same for all types: location and tags.
func checkEnvelope(r *providers.Request) error {
	if err := checkTags(r.Next.Tags); err != nil {
		return err
	}
	next := r.Next
	next.Location = providers.NormalRegion(next.Location)
	if r.Old != nil && r.Old.Location != "" {
		if r.Method == providers.Patch || next.Location == "" {
			next.Location = r.Old.Location
		}
		if next.Location != r.Old.Location {
			if next.ID.Is(armid.ResourceGroupType) {
				return rest.InvalidResourceGroupLocation(r.Old.Location, next.Location)
			}
			return rest.InvalidResourceLocation(next.ID.Name(), r.Old.Location, next.ID.ResourceGroup(), next.Location)
		}
		return nil
	}
	if next.Location == "" {
		if r.Type.Tracked {
			return rest.LocationRequired()
		}
		return nil
	}
	if !providers.IsRegion(next.Location) {
		return rest.LocationNotAvailable(next.Location, r.Type.FullName(), providers.RegionNames())
	}
	return nil
}

func checkTags(tags map[string]string) error {
	if len(tags) > maxTags {
		return rest.NewError(http.StatusBadRequest, "TooManyTags", fmt.Sprintf(
			"The number of tags '%d' exceeds the limit of '%d' on a resource.", len(tags), maxTags))
	}
	for name, value := range tags {
		switch {
		case name == "" || len(name) > maxTagName:
			return rest.NewError(http.StatusBadRequest, "InvalidTagName", fmt.Sprintf(
				"The tag name must be between 1 and %d characters long.", maxTagName))
		case len(value) > maxTagValue:
			return rest.NewError(http.StatusBadRequest, "InvalidTagValueLength", fmt.Sprintf(
				"Tag value too large. Following tag value '%s' exceeded the maximum length. Maximum allowed length for tag value - '%d' characters.", name, maxTagValue))
		}
	}
	return nil
}

// registrationState is what a provider's registration keeps for us.
type registrationState struct {
	State string `json:"registrationState"`
}

// registered refuses new resources of a namespace that the subscription has
// unregistered. Without a document a namespace is registered, and so it is when
// all that was ever asked for is to register it once more.
func (p *Pipeline) registered(ctx context.Context, id armid.ID) error {
	subscription := id.SubscriptionID()
	if subscription.IsZero() || id.Namespace() == "Microsoft.Resources" || id.Namespace() == "Microsoft.Authorization" {
		return nil
	}
	stored, err := p.documents.Look(ctx, subscription.Provider(id.Namespace()))
	if err != nil || stored == nil {
		return err
	}
	registration, err := resource.ReadInternal[registrationState](stored)
	if err != nil {
		return err
	}
	switch registration.State {
	case "", "Registered", "Registering":
		return nil
	}
	return rest.MissingSubscriptionRegistration(id.Namespace())
}
