package deployments

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/providers"
	"github.com/lanyard-project/lanyard/internal/providers/deployments/expression"
)

// deleteOthers is the end of a deployment in mode Complete: what is in the group
// and not in the template goes, as far as the caller may delete it.
func (p *Provider) deleteOthers(ctx context.Context, run *providers.Run) error {
	r, err := p.start(ctx, run)
	if err != nil || !r.state.Complete {
		return err
	}
	for wait := 20 * time.Millisecond; ; wait = min(2*wait, time.Second) {
		left, err := r.others(ctx)
		if err != nil {
			return err
		}
		if len(left) == 0 {
			return nil
		}
		for _, one := range left {
			if one.Busy() {
				continue
			}
			answer := p.cfg.Send(ctx, run.Caller, Call{Method: http.MethodDelete, Path: one.ID.String(), Version: r.known(one.ID, "")})
			failure := failureOf(answer)
			if failure == nil || failure.Status == http.StatusConflict && failure.Code != "ScopeLocked" && p.cfg.Clock.Since(r.env.now) < patience {
				continue
			}
			return r.fail(ctx, deploymentFailed([]rest.Error{{Code: failure.Code, Message: failure.Message, Target: one.ID.String()}}))
		}
		select {
		case <-p.cfg.Clock.After(wait):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// others are the tracked resources of the group that the template doesn't have.
func (r *runner) others(ctx context.Context) ([]*resource.Resource, error) {
	all, err := r.cfg.Resources.List(ctx, r.env.scope(), "")
	if err != nil {
		return nil, err
	}
	var out []*resource.Resource
	for _, one := range all {
		t := r.cfg.Registry.Find(one.ID.Type())
		if t == nil || !t.Tracked || !one.ID.Parent().Is(armid.ResourceGroupType) || r.planned(one.ID) {
			continue
		}
		out = append(out, one)
	}
	return out, nil
}

func (r *runner) planned(id armid.ID) bool {
	for _, one := range r.plan {
		if one.id.Equal(id) {
			return true
		}
	}
	return false
}

// computeOutputs writes what the deployment gives back.
func (p *Provider) computeOutputs(ctx context.Context, run *providers.Run) error {
	r, err := p.start(ctx, run)
	if err != nil || r.state.Done {
		return err
	}
	outputs := map[string]any{}
	for name, value := range r.env.template.outputs {
		shown, err := r.output(value)
		if err != nil {
			var answer *rest.Error
			if !errors.As(err, &answer) {
				answer = rest.NewError(http.StatusBadRequest, "DeploymentOutputEvaluationFailed", fmt.Sprintf(
					"Unable to evaluate template outputs: '%s'. Please see error details and deployment operations. Please see https://aka.ms/arm-common-errors for usage details. %v", name, err))
			}
			return r.fail(ctx, answer)
		}
		if shown != nil {
			outputs[name] = shown
		}
	}
	made := []any{}
	for _, one := range r.state.Progress {
		if !strings.EqualFold(one.Type, deploymentType) {
			made = append(made, map[string]any{"id": one.ID})
		}
	}
	_, err = run.Update(ctx, func(d *resource.Resource) error {
		if err := d.SetInternal(r.scrubbed()); err != nil {
			return err
		}
		return d.Merge(map[string]any{
			"outputs": outputs, "outputResources": made, "duration": isoDuration(p.cfg.Clock.Since(d.SystemData.LastModifiedAt)),
		})
	})
	return err
}

// output evaluates one output; nil when its condition is false.
func (r *runner) output(declared any) (any, error) {
	body, ok := declared.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("it must be an object")
	}
	condition, err := expression.Walk(member(body, "condition"), r.env)
	if err != nil || condition == false {
		return nil, err
	}
	kind, _ := member(body, "type").(string)
	if kind == "" {
		return nil, fmt.Errorf("it has no type")
	}
	shown := map[string]any{"type": displayType(strings.ToLower(kind))}
	if strings.HasPrefix(strings.ToLower(kind), "secure") {
		return shown, nil
	}
	if l, ok := member(body, "copy").(map[string]any); ok {
		made := map[string]any{}
		err := r.env.unroll([]any{map[string]any{"name": "value", "count": member(l, "count"), "input": member(l, "input")}}, made)
		shown["value"] = made["value"]
		return shown, err
	}
	shown["value"], err = r.env.value(member(body, "value"))
	return shown, err
}
