package managedidentity

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/directory"
	"github.com/lanyard-project/lanyard/internal/providers"
)

// systemAssigned shows the identity that a resource has of its own, as an
// extension of it: {resource}/providers/Microsoft.ManagedIdentity/identities/default.
func (p *Provider) systemAssigned() *providers.Type {
	return &providers.Type{
		Namespace:   namespace,
		Name:        "identities",
		APIVersions: apiVersions(),
		Levels:      providers.AtResource,
		Verbs:       providers.CanGet,
		HideState:   true,
		HideSystem:  true,
		Get:         p.getSystemAssigned,
	}
}

func (p *Provider) getSystemAssigned(ctx context.Context, r *providers.Request) (*resource.Resource, error) {
	owner := r.ID.Parent()
	of, err := p.cfg.Resources.Get(ctx, owner)
	if err != nil {
		return nil, err
	}
	principal, err := p.cfg.Directory.ManagedIdentityOf(ctx, owner)
	if err != nil && !errors.Is(err, directory.ErrNotFound) {
		return nil, fmt.Errorf("reading the principal of %s: %w", owner, err)
	}
	if err != nil || !of.Identity.HasSystemAssigned() || !strings.EqualFold(r.ID.Name(), "default") {
		return nil, rest.ResourceNotFound(namespace+"/identities/"+r.ID.Name(), owner.ResourceGroup())
	}
	shown := &resource.Resource{ID: of.ID.Extension(namespace, "identities", "default"), Location: of.Location, Tags: of.Tags}
	query := url.Values{"tid": {principal.TenantID}, "oid": {principal.ObjectID}, "aid": {principal.AppID}}
	return shown, shown.Merge(map[string]any{
		"tenantId": principal.TenantID, "principalId": principal.ObjectID, "clientId": principal.AppID,
		"clientSecretUrl": "https://control-" + of.Location + ".identity.azure.net" + of.ID.String() + "/credentials?" + query.Encode(),
	})
}
