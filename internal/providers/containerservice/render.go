package containerservice

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/clusters"
)

const (
	// firstETag is the API version that shows clusters' entity tags first.
	firstETag = "2024-09-01"
	// troubleShown is how long a cluster tells that a program of it ended.
	troubleShown = 15 * time.Minute
)

// render adds to a cluster's document what isn't stored in it.
func (p *Provider) render(ctx context.Context, r *resource.Resource, apiVersion string) error {
	if err := p.renderTroubles(ctx, r); err != nil {
		return err
	}
	if err := renderGoing(r); err != nil {
		return err
	}
	if apiVersion < firstETag {
		return nil
	}
	tag, err := json.Marshal(strings.Trim(resource.ETag(r.Revision), `"`))
	if err != nil {
		return fmt.Errorf("writing the entity tag: %w", err)
	}
	if r.Extra == nil {
		r.Extra = map[string]json.RawMessage{}
	}
	r.Extra["eTag"] = tag
	return nil
}

// renderGoing shows the pools that are being deleted among the others.
func renderGoing(r *resource.Resource) error {
	d, err := parseDocument(r.Properties)
	if err != nil {
		return err
	}
	leaving, err := going(r, d)
	if err != nil || len(leaving) == 0 {
		return err
	}
	list, _ := d["agentPoolProfiles"].([]any)
	for _, pool := range leaving {
		list = append(list, map[string]any(pool))
	}
	d["agentPoolProfiles"] = list
	r.Properties, err = d.raw()
	return err
}

// renderTroubles says in properties.status which programs of the cluster ended lately though nobody stopped them.
func (p *Provider) renderTroubles(ctx context.Context, r *resource.Resource) error {
	s, err := readState(r)
	if err != nil || s.Port == 0 || p.Engine == nil || r.Busy() || isStopped(r) {
		return err
	}
	troubles, err := p.Engine.Troubles(ctx, s.Key, p.Clock.Now().Add(-troubleShown))
	if err != nil || len(troubles) == 0 {
		return nil //nolint:nilerr // a cluster that isn't on this machine has nothing to tell
	}
	var details []object
	for _, t := range troubles {
		details = append(details, object{"code": "ProgramEnded", "message": describeTrouble(t)})
	}
	return r.Merge(map[string]any{"status": object{"provisioningError": object{
		"code": "ClusterComponentsRestarted", "message": "Programs of the cluster ended by themselves and were started again.", "details": details,
	}}})
}

func describeTrouble(t clusters.Trouble) string {
	at, state := "the control plane", "is being started again"
	if t.Node != "" {
		at = "node " + t.Node
	}
	if t.Restored {
		state = "runs again"
	}
	return fmt.Sprintf("%s of %s %s at %s (%d times since it was started) and %s.", t.Unit, at, t.How, t.At.UTC().Format(time.RFC3339), t.Times, state)
}
