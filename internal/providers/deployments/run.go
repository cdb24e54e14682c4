package deployments

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/providers"
)

// runner is a deployment that runs.
type runner struct {
	*Provider
	run   *providers.Run
	env   *environment
	plan  []*planned
	state state
}

// start takes a deployment up where its record says that it stands.
func (p *Provider) start(ctx context.Context, run *providers.Run) (*runner, error) {
	stored, err := run.Resource(ctx)
	if err != nil {
		return nil, err
	}
	r := &runner{Provider: p, run: run}
	if r.state, err = resource.ReadInternal[state](stored); err != nil {
		return nil, err
	}
	if r.env, err = p.environment(ctx, run.ID, r.state.Template, r.state.Tenant, stored.Location); err != nil {
		return nil, err
	}
	if r.env.parameters, err = p.parameters(r.state, run.ID); err != nil {
		return nil, err
	}
	if r.plan, err = r.env.expand(); err != nil {
		return nil, err
	}
	r.env.reading(ctx, r.read)
	return r, nil
}

// save keeps the progress, and learns whether somebody cancelled meanwhile.
func (r *runner) save(ctx context.Context) error {
	_, err := r.run.Update(ctx, func(d *resource.Resource) error {
		kept, err := resource.ReadInternal[state](d)
		if err != nil {
			return err
		}
		r.state.Cancelled = kept.Cancelled
		return d.SetInternal(r.state)
	})
	return err
}

func (r *runner) progressOf(id armid.ID) *progress {
	for _, p := range r.state.Progress {
		if strings.EqualFold(p.ID, id.String()) && !p.Deletes {
			return p
		}
	}
	return nil
}

// makeResources puts each resource as soon as what it depends on is there.
func (p *Provider) makeResources(ctx context.Context, run *providers.Run) error {
	r, err := p.start(ctx, run)
	if err != nil {
		return err
	}
	for wait := 10 * time.Millisecond; ; wait = min(2*wait, time.Second) {
		moved, err := r.round(ctx)
		if err != nil {
			return err
		}
		if moved {
			wait = 10 * time.Millisecond
			if err := r.save(ctx); err != nil {
				return err
			}
		}
		if done, err := r.verdict(ctx, moved); done || err != nil {
			return err
		}
		select {
		case <-p.cfg.Clock.After(wait):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// round looks at every resource once and does what can be done now.
func (r *runner) round(ctx context.Context) (moved bool, err error) {
	r.env.effort.renew()
	failed := false
	for _, p := range r.state.Progress {
		failed = failed || p.State == resource.Failed
	}
	for _, one := range r.plan {
		p := r.progressOf(one.id)
		if p == nil {
			continue
		}
		was := p.State
		switch {
		case p.State == "Running":
			err = r.follow(ctx, p)
		case p.State == "" && !failed && !r.state.Cancelled && r.ready(one):
			err = r.put(ctx, one, p)
		default:
			continue
		}
		if err != nil {
			return moved, err
		}
		moved = moved || p.State != was
		failed = failed || p.State == resource.Failed
	}
	return moved, nil
}

func (r *runner) ready(one *planned) bool {
	for _, id := range one.needs {
		if p := r.progressOf(id); p != nil && p.State != resource.Succeeded {
			return false
		}
	}
	return true
}

// verdict says whether the deployment has come to an end, and to which.
func (r *runner) verdict(ctx context.Context, moved bool) (bool, error) {
	running, waiting := 0, []string{}
	var failed []rest.Error
	for _, p := range r.state.Progress {
		switch p.State {
		case "Running":
			running++
		case "":
			waiting = append(waiting, p.ID)
		case resource.Failed:
			failed = append(failed, rest.Error{Code: p.Error.Code, Message: p.Error.Message, Target: p.ID})
		}
	}
	switch {
	case running > 0:
		if !moved {
			return false, r.save(ctx) // only to learn of a cancellation
		}
		return false, nil
	case len(failed) > 0:
		return true, r.fail(ctx, deploymentFailed(failed))
	case r.state.Cancelled && len(waiting) > 0:
		return true, r.fail(ctx, rest.NewError(http.StatusConflict, providers.CodeCanceled, "The deployment was canceled."))
	case len(waiting) > 0 && !moved && !r.retrying():
		return true, r.fail(ctx, invalid("circular dependency detected: the resources '%s' refer to each other", strings.Join(waiting, ", ")))
	}
	return len(waiting) == 0, nil
}

// retrying reports whether a resource waits for somebody else's operation.
func (r *runner) retrying() bool {
	for _, p := range r.state.Progress {
		if p.State == "" && p.Status == http.StatusConflict {
			return true
		}
	}
	return false
}

// fail writes the error where clients look for it, too.
func (r *runner) fail(ctx context.Context, cause *rest.Error) error {
	_, err := r.run.Update(ctx, func(d *resource.Resource) error {
		if err := d.SetInternal(r.scrubbed()); err != nil {
			return err
		}
		return d.Set("error", cause.Document())
	})
	return errors.Join(err, cause)
}

// scrubbed is the state of a deployment that has ended, without the values of secure parameters.
func (r *runner) scrubbed() state {
	s := r.state
	s.Done, s.Secure = true, nil
	return s
}

// patience is for how long a resource that is busy with somebody else's operation
// is waited for.
const patience = 10 * time.Minute

func (r *runner) put(ctx context.Context, one *planned, p *progress) error {
	body, err := one.document(r.env)
	if err != nil {
		if r.env.waits(err) {
			return nil // an implicit dependency: next round
		}
		var answer *rest.Error
		if !errors.As(err, &answer) {
			answer = invalid("the resource '%s': %v", one.id, err)
		}
		r.end(p, answer)
		return nil
	}
	raw, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("writing resource %s: %w", one.id, err)
	}
	if p.Started.IsZero() {
		p.Started = r.cfg.Clock.Now().UTC()
	}
	answer := r.cfg.Send(ctx, r.run.Caller, Call{Method: http.MethodPut, Path: one.id.String(), Version: one.version, Body: raw})
	p.Status = answer.Status
	failure := failureOf(answer)
	switch {
	case answer.Status == http.StatusConflict && waitsForOthers(failure) && r.cfg.Clock.Since(p.Started) < patience:
		return nil
	case failure != nil:
		r.end(p, failure)
	default:
		if p.Operation = operationOf(answer.Header); p.Operation == "" {
			r.end(p, nil)
		} else {
			p.State = "Running"
		}
	}
	return nil
}

// waitsForOthers reports whether a conflict passes.
func waitsForOthers(e *rest.Error) bool {
	switch e.Code {
	case "AnotherOperationInProgress", "OperationNotAllowed", "DeploymentActive", "Conflict":
		return true
	}
	return false
}

func operationOf(h http.Header) string {
	for _, name := range []string{"Azure-AsyncOperation", "Location"} {
		if at := h.Get(name); at != "" {
			return at
		}
	}
	return ""
}

// follow looks whether a resource's operation has ended.
func (r *runner) follow(ctx context.Context, p *progress) error {
	id, err := armid.Parse(p.ID)
	if err != nil {
		return err
	}
	stored, err := r.cfg.Resources.Get(ctx, id)
	switch {
	case rest.IsNotFound(err):
		r.end(p, rest.NewError(http.StatusConflict, "ResourceDeploymentFailure", "The resource '"+p.ID+"' was deleted while it was being deployed."))
	case err != nil:
		return err
	case stored.Busy():
	case stored.ProvisioningState == resource.Succeeded || stored.ProvisioningState == "":
		r.end(p, nil)
	default:
		r.end(p, r.operationError(ctx, p, stored.ProvisioningState))
	}
	return nil
}

// operationError asks the operation why it failed.
func (r *runner) operationError(ctx context.Context, p *progress, state string) *rest.Error {
	failure := rest.NewError(http.StatusConflict, "ResourceDeploymentFailure",
		fmt.Sprintf("The resource operation completed with terminal provisioning state '%s'.", state))
	path, version, ok := pathOf(p.Operation)
	if !ok {
		return failure
	}
	var status struct {
		Error struct {
			Code    string `json:"code"`
			Message string `json:"message"`
		} `json:"error"`
	}
	answer := r.cfg.Send(ctx, r.run.Caller, Call{Method: http.MethodGet, Path: path, Version: version})
	if raw, err := json.Marshal(answer.Body); err == nil && json.Unmarshal(raw, &status) == nil && status.Error.Code != "" {
		failure.Details = []rest.Error{{Code: status.Error.Code, Message: status.Error.Message}}
		failure.Message += " " + status.Error.Code + ": " + status.Error.Message
	}
	return failure
}

func (r *runner) end(p *progress, failure *rest.Error) {
	p.Ended, p.State = r.cfg.Clock.Now().UTC(), resource.Succeeded
	if p.Started.IsZero() {
		p.Started = p.Ended
	}
	if failure != nil {
		document := failure.Document()
		p.State, p.Error = resource.Failed, &document
		p.Status = failure.Status
	}
}
