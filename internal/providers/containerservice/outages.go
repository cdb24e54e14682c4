package containerservice

import (
	"context"
	"strings"
	"sync"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
)

// outages are the clusters that are being upgraded, with the principals that their control planes act as: "during cluster
// upgrade operations, the managed identity is temporarily unavailable". It is brought up to date with each write.
type outages struct {
	mu       sync.Mutex
	upgraded map[string][]string // principals by cluster
}

// committed hears of each write of a cluster.
func (p *Provider) committed(_ context.Context, id armid.ID, next *resource.Resource) {
	if next == nil {
		p.keys.remove(id)
	} else if s, err := readState(next); err == nil {
		p.keys.put(s.Key, id)
	}
	p.outages.mu.Lock()
	defer p.outages.mu.Unlock()
	delete(p.outages.upgraded, id.Key())
	if next == nil || next.ProvisioningState != upgrading || none(next.Identity) {
		return
	}
	var principals []string
	if next.Identity.PrincipalID != "" {
		principals = append(principals, next.Identity.PrincipalID)
	}
	for _, i := range next.Identity.UserAssigned {
		principals = append(principals, i.PrincipalID)
	}
	if p.outages.upgraded == nil {
		p.outages.upgraded = map[string][]string{}
	}
	p.outages.upgraded[id.Key()] = principals
}

// Unavailable reports whether a principal's tokens can't be had at the moment, because the cluster whose control plane it
// is is being upgraded. It ends with the upgrade.
func (p *Provider) Unavailable(principal string) bool {
	p.outages.mu.Lock()
	defer p.outages.mu.Unlock()
	for _, principals := range p.outages.upgraded {
		for _, one := range principals {
			if strings.EqualFold(one, principal) {
				return true
			}
		}
	}
	return false
}
