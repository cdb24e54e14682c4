package compute

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/providers"
)

const (
	leavePlan = "leave"
	// leavePatience is how long an instance's cluster may take to let go of it.
	leavePatience = 30 * time.Minute
)

// removeInstance is the end of an instance: at the word of the cluster that made it, at
// once; a client's begins with the set letting it go, and waits for the cluster.
func (p *Provider) removeInstance(ctx context.Context, r *providers.Request) error {
	if err := p.trackInstance(ctx, r); err != nil {
		return err
	}
	if err := p.takePublic(ctx, r, r.Old); err != nil {
		return err
	}
	if r.APIVersion == "" { // no client's call
		return nil
	}
	return r.Start(leavePlan, nil)
}

// leavePlan is a client's deletion of one instance.
func (p *Provider) leavePlan() providers.Plan {
	return providers.Plan{Name: leavePlan, Steps: []providers.Step{
		{Name: "leave", Run: p.letGo},
		{Name: "gone", Run: p.awaitGone, Patience: leavePatience},
	}}
}

// letGo has the set do without the instance, as its action delete does.
func (p *Provider) letGo(ctx context.Context, run *providers.Run) error {
	number, err := strconv.Atoi(run.ID.Name())
	if err != nil {
		return fmt.Errorf("reading the number of %s: %w", run.ID, err)
	}
	there, err := p.cfg.Resources.List(ctx, run.ID.Parent(), instanceType)
	if err != nil {
		return err
	}
	_, err = p.cfg.Resources.Update(ctx, run.ID.Parent(), func(set *resource.Resource) error {
		return release(set, there, []int{number})
	})
	return err
}

// awaitGone waits for whoever made the instance to have removed it.
func (p *Provider) awaitGone(ctx context.Context, run *providers.Run) error {
	instance, err := run.Resource(ctx)
	if rest.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	is, err := resource.ReadInternal[place](instance)
	if err != nil {
		return err
	}
	if !is.Gone {
		return fmt.Errorf("instance %s hasn't been let go by its cluster yet", instanceName(run.ID))
	}
	return nil
}

// release has a set do without instances that are there, and lowers its capacity by as
// many as weren't told to go before.
func release(set *resource.Resource, there []*resource.Resource, numbers []int) error {
	capacity, going, err := Wanted(set)
	if err != nil {
		return err
	}
	if capacity < 0 {
		capacity = len(there)
	}
	for _, number := range numbers {
		if !slices.Contains(going, number) {
			going, capacity = append(going, number), capacity-1
		}
	}
	// Those that went before need no word any more.
	going = slices.DeleteFunc(going, func(n int) bool {
		return !slices.ContainsFunc(there, func(i *resource.Resource) bool { return i.ID.Name() == strconv.Itoa(n) })
	})
	if err := keepLeaving(set, going); err != nil {
		return err
	}
	return setCapacity(set, max(0, capacity))
}
