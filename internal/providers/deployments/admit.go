package deployments

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/providers"
	"github.com/lanyard-project/lanyard/internal/providers/deployments/expression"
)

// prepare refuses what can be seen without looking at anything else.
func prepare(_ context.Context, r *providers.Request) error {
	q, err := resource.Read[request](r.Next)
	if err != nil {
		return rest.InvalidRequestContent(err.Error())
	}
	if r.ID.ResourceGroup() == "" && r.Next.Location == "" {
		return rest.NewError(400, "LocationRequired", "The 'location' property must be specified for a deployment to a subscription.")
	}
	return q.check()
}

func (q request) check() error {
	switch {
	case len(q.TemplateLink) > 0 && string(q.TemplateLink) != "null":
		return unsupported("Linked templates (templateLink)", "Send the template itself as 'template'.")
	case len(q.ParamsLink) > 0 && string(q.ParamsLink) != "null":
		return unsupported("Linked parameters (parametersLink)", "Send the parameters themselves as 'parameters'.")
	case !strings.EqualFold(q.Mode, "Incremental") && !strings.EqualFold(q.Mode, "Complete"):
		return rest.NewError(400, "InvalidDeploymentMode", fmt.Sprintf("The deployment mode '%s' is invalid: it is 'Incremental' or 'Complete'.", q.Mode))
	case len(q.Template) == 0:
		return rest.InvalidRequestContent("The deployment has no 'template'")
	}
	_, err := readTemplate(q.Template)
	return err
}

// proposal is a deployment that was checked, with all that it would make.
type proposal struct {
	env  *environment
	plan []*planned
	q    request
}

// propose checks a deployment against what there is.
func (p *Provider) propose(ctx context.Context, r *providers.Request, q request, location string) (*proposal, error) {
	if strings.EqualFold(q.Mode, "Complete") && r.ID.ResourceGroup() == "" {
		return nil, rest.NewError(400, "InvalidDeploymentMode", "The deployment mode 'Complete' is only for deployments to a resource group.")
	}
	env, err := p.environment(ctx, r.ID, q.Template, r.Caller.TenantID, location)
	if err != nil {
		return nil, err
	}
	env.now = r.Now
	sent := map[string]any{}
	if len(q.Parameters) > 0 {
		value, err := expression.Decode(q.Parameters)
		if err != nil {
			return nil, rest.InvalidRequestContent(err.Error())
		}
		sent, _ = value.(map[string]any)
	}
	if err := env.resolve(sent); err != nil {
		return nil, err
	}
	plan, err := env.expand()
	if err != nil {
		return nil, err
	}
	return &proposal{env: env, plan: plan, q: q}, p.mayMake(ctx, r.Caller, plan)
}

func (p *Provider) environment(ctx context.Context, id armid.ID, raw json.RawMessage, tenant, location string) (*environment, error) {
	t, err := readTemplate(raw)
	if err != nil {
		return nil, err
	}
	env := &environment{id: id, template: t, tenant: tenant, location: location, origin: p.cfg.Origin, now: p.cfg.Clock.Now(), effort: &effort{}}
	if group := id.ResourceGroupID(); !group.IsZero() {
		if env.group, err = p.cfg.Resources.Get(ctx, group); err != nil {
			return nil, err
		}
		env.location = env.group.Location
	}
	return env, nil
}

// mayMake refuses a deployment whose caller lacks a right that it needs: better
// nothing than a half.
func (p *Provider) mayMake(ctx context.Context, caller providers.Caller, plan []*planned) error {
	var missing []rest.Error
	for _, r := range plan {
		if r.existing {
			continue
		}
		t := p.cfg.Registry.Find(r.id.Type())
		if t == nil {
			return invalid("the resource type '%s' of '%s' is not known", r.typ, r.name)
		}
		action := t.Permission("write")
		if allowed, _ := p.cfg.Check(ctx, caller, action, r.id); !allowed {
			missing = append(missing, rest.Error{Code: "AuthorizationFailed", Target: r.id.String(), Message: fmt.Sprintf(
				"Authorization failed for template resource '%s' of type '%s'. The client '%s' with object id '%s' does not have permission to perform action '%s' at scope '%s'.",
				r.name, r.typ, caller.Client(), caller.ObjectID, action, r.id)})
		}
	}
	if len(missing) > 0 {
		return notAuthorized(missing)
	}
	return nil
}

// admit turns a deployment into its record and starts it.
func (p *Provider) admit(ctx context.Context, r *providers.Request) error {
	q, err := resource.Read[request](r.Next)
	if err != nil {
		return rest.InvalidRequestContent(err.Error())
	}
	made, err := p.propose(ctx, r, q, r.Next.Location)
	if err != nil {
		return err
	}
	s := state{Template: q.Template, Tenant: r.Caller.TenantID, Complete: strings.EqualFold(q.Mode, "Complete")}
	if err := p.keep(&s, r.Next.ID, made.env.template.parameters, made.env.parameters); err != nil {
		return err
	}
	for _, one := range made.plan {
		if !one.existing {
			s.Progress = append(s.Progress, &progress{ID: one.id.String(), Type: one.typ})
		}
	}
	if err := r.Next.SetInternal(s); err != nil {
		return err
	}
	properties := made.properties()
	properties["correlationId"] = uuid.NewString()
	properties["timestamp"] = r.Now.UTC()
	properties["duration"] = "PT0S"
	if r.Next.Properties, err = json.Marshal(properties); err != nil {
		return fmt.Errorf("writing a deployment: %w", err)
	}
	if err := r.Start(deployPlan, nil); err != nil {
		return err
	}
	r.Operation.State = "Running"
	return nil
}

// properties are what clients see of a deployment: neither its template nor the
// values of its secure parameters.
func (m *proposal) properties() map[string]any {
	parameters := map[string]any{}
	for name, declared := range m.env.template.parameters {
		shown := map[string]any{"type": displayType(declared.kind)}
		if !declared.secure() {
			shown["value"] = m.env.parameters[name]
		}
		parameters[name] = shown
	}
	mode := "Incremental"
	if strings.EqualFold(m.q.Mode, "Complete") {
		mode = "Complete"
	}
	dependencies := []any{}
	for _, one := range m.plan {
		on := []any{}
		for _, id := range one.needs {
			on = append(on, map[string]any{"id": id.String(), "resourceType": id.Type(), "resourceName": id.Name()})
		}
		if len(on) > 0 {
			dependencies = append(dependencies, map[string]any{"dependsOn": on, "id": one.id.String(), "resourceType": one.typ, "resourceName": one.name})
		}
	}
	return map[string]any{
		"mode": mode, "parameters": parameters, "templateHash": templateHash(m.q.Template), "providers": usedProviders(m.plan), "dependencies": dependencies,
	}
}

func (p *Provider) validate(ctx context.Context, r *providers.Request) (rest.Response, error) {
	made, err := p.proposed(ctx, r)
	if err != nil {
		return rest.Response{}, err
	}
	properties := made.properties()
	properties["provisioningState"] = resource.Succeeded
	properties["timestamp"], properties["duration"], properties["correlationId"] = r.Now.UTC(), "PT0S", uuid.NewString()
	validated := []any{}
	for _, one := range made.plan {
		validated = append(validated, map[string]any{"id": one.id.String()})
	}
	properties["validatedResources"] = validated
	return rest.OK(map[string]any{"id": r.ID.String(), "name": r.ID.Name(), "type": deploymentType, "properties": properties}), nil
}

// proposed reads the deployment in the body of an action.
func (p *Provider) proposed(ctx context.Context, r *providers.Request) (*proposal, error) {
	var body struct {
		Location   string  `json:"location"`
		Properties request `json:"properties"`
	}
	if err := json.Unmarshal(r.Body, &body); err != nil {
		return nil, rest.InvalidRequestContent(err.Error())
	}
	if err := body.Properties.check(); err != nil {
		return nil, err
	}
	return p.propose(ctx, r, body.Properties, body.Location)
}
