package containerservice

import (
	"slices"

	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/providers"
)

// offered refuses what AKS doesn't offer in some locations: previews outside of the public cloud, and kubelet identities
// of one's own in the first two regions of Azure in China. AKS's own words for it aren't known.
func (p *Provider) offered(r *providers.Request, wanted properties) *rest.Error {
	location := providers.NormalRegion(r.Next.Location)
	cloud := providers.SovereignCloud(location)
	if cloud == "" {
		return nil
	}
	if wanted.PodIdentityProfile.on() {
		return notInLocation("Pod identity, which is a preview,", location, cloud)
	}
	_, brought := p.broughtKubelet(r.ID, wanted)
	if brought && slices.Contains([]string{"chinaeast", "chinanorth"}, location) {
		return notInLocation("A pre-created kubelet identity", location, cloud)
	}
	if p.Rules.Of2020 && (brought || r.Next.Identity.HasUserAssigned()) {
		return notInLocation("An identity of your own for a cluster, which is a preview,", location, cloud)
	}
	return nil
}
