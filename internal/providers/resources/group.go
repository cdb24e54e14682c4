package resources

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/providers"
)

const deletePlan = "delete"

func (p *Provider) groups() *providers.Type {
	return &providers.Type{
		Namespace: namespace, Name: "resourceGroups", ActionType: "Microsoft.Resources/subscriptions/resourceGroups",
		APIVersions: apiVersions(), Levels: providers.AtSubscription, Tracked: true, ListVisible: true, HideSystem: true,
		NamePattern: regexp.MustCompile(`^[-\pL\pN_().]{0,89}[-\pL\pN_()]$`),
		NameRule:    "The name can be up to 90 characters long, of letters, digits, '-', '_', '(', ')' and '.', and can't end with '.'.",
		Filter: func(r *providers.Request) (func(*resource.Resource) bool, error) {
			return parseFilter(r.Query.Get("$filter"))
		},
		Remove:  func(_ context.Context, r *providers.Request) error { return r.Start(deletePlan, nil) },
		Actions: moves(),
		Plans: []providers.Plan{{
			Name:  deletePlan,
			Steps: []providers.Step{{Name: "delete contents", Run: p.deleteContents, Patience: 10 * time.Minute}},
		}},
	}
}

const (
	// deletions bounds how often a resource's deletion is begun before the group's
	// own is given up.
	deletions = 3
	// standstill is how long resources may refuse while nothing else is going away.
	standstill = 5 * time.Minute
)

// deleteContents deletes what is in the group: in each round what nothing else
// refers to any more.
func (p *Provider) deleteContents(ctx context.Context, run *providers.Run) error {
	begun := map[string]int{}
	moved := p.clock.Now()
	for wait := 20 * time.Millisecond; ; wait = min(2*wait, time.Second) {
		all, err := run.Resources.List(ctx, run.ID, "")
		if err != nil {
			return err
		}
		left := p.contained(all)
		if len(left) == 0 {
			return nil
		}
		var refused *resource.Resource
		for _, r := range p.unreferenced(left) {
			if r.Busy() && r.ProvisioningState == resource.Deleting {
				moved = p.clock.Now()
				continue
			}
			if begun[r.ID.Key()] == deletions {
				return blocked(run.ID, r)
			}
			_, err := run.Resources.Delete(ctx, run.Caller, r.ID)
			var conflict *rest.Error
			switch {
			case errors.As(err, &conflict) && waits(conflict):
				// It waits for another one to go.
				run.Log.Info("resource can't be deleted yet", "target", r.ID.String(), "reason", conflict.Message)
				refused = r
			case err != nil:
				return err
			default:
				begun[r.ID.Key()]++
				moved = p.clock.Now()
			}
		}
		if refused != nil && p.clock.Since(moved) > standstill {
			return blocked(run.ID, refused)
		}
		select {
		case <-p.clock.After(wait):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// waits reports whether a refusal may end when other resources have gone.
func waits(refusal *rest.Error) bool {
	return refusal.Status == http.StatusConflict || strings.HasPrefix(refusal.Code, "InUse") ||
		strings.HasSuffix(refusal.Code, "InUse") || strings.HasSuffix(refusal.Code, "CannotBeDeleted")
}

func blocked(group armid.ID, r *resource.Resource) *rest.Error {
	message := fmt.Sprintf("Deletion of resource group '%s' failed as resources with identifiers '%s' could not be deleted. The provisioning state of the resource is '%s'.",
		group.Name(), r.ID, r.ProvisioningState)
	return rest.NewError(http.StatusConflict, "ResourceGroupDeletionBlocked", message)
}

// contained picks the resources that are directly in a group, and children that
// are resources in their own right (a link of a private DNS zone, which keeps its
// zone): other children go with their parents, and extensions such as role
// assignments with what they extend.
func (p *Provider) contained(all []*resource.Resource) []*resource.Resource {
	var out []*resource.Resource
	for _, r := range all {
		t := p.registry.Find(r.ID.Type())
		extension := t != nil && t.Levels&providers.AtResource != 0
		if own := r.ID.Parent().Is(armid.ResourceGroupType) || t != nil && t.Tracked; own && !extension {
			out = append(out, r)
		}
	}
	return out
}

// unreferenced picks the resources whose type no other resource's type refers to.
// A circle of references is broken by taking all.
func (p *Provider) unreferenced(all []*resource.Resource) []*resource.Resource {
	referred := map[string]bool{}
	for _, r := range all {
		if t := p.registry.Find(r.ID.Type()); t != nil {
			for _, name := range t.References {
				if !strings.EqualFold(name, t.FullName()) {
					referred[strings.ToLower(name)] = true
				}
			}
		}
	}
	var out []*resource.Resource
	for _, r := range all {
		if !referred[strings.ToLower(r.ID.Type())] {
			out = append(out, r)
		}
	}
	if len(out) == 0 {
		return all
	}
	return out
}
