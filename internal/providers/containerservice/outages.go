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
	// heard is the revision of the newest write of each cluster: the request that began an operation can tell of its write
	// after the operation has told of its end.
	heard map[string]int64
}

// tell takes in what a cluster's document says now: the principals that it makes unavailable. revision 0 is its removal.
func (o *outages) tell(cluster string, revision int64, principals []string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if revision != 0 && revision <= o.heard[cluster] {
		return
	}
	if o.heard == nil {
		o.heard, o.upgraded = map[string]int64{}, map[string][]string{}
	}
	o.heard[cluster] = max(o.heard[cluster], revision)
	if delete(o.upgraded, cluster); len(principals) > 0 {
		o.upgraded[cluster] = principals
	}
}

// committed hears of each write of a cluster.
func (p *Provider) committed(_ context.Context, id armid.ID, next *resource.Resource) {
	if next == nil {
		p.keys.remove(id)
	} else if s, err := readState(next); err == nil {
		p.keys.put(s.Key, id)
	}
	var revision int64
	if next != nil {
		revision = next.Revision
	}
	p.outages.tell(id.Key(), revision, away(next))
}

// away are the principals that can't be had because of what the cluster's document says; nil: it is gone.
func away(next *resource.Resource) []string {
	if next == nil || next.ProvisioningState != upgrading || none(next.Identity) {
		return nil
	}
	var principals []string
	if next.Identity.PrincipalID != "" {
		principals = append(principals, next.Identity.PrincipalID)
	}
	for _, i := range next.Identity.UserAssigned {
		principals = append(principals, i.PrincipalID)
	}
	return principals
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
