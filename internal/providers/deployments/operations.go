package deployments

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/providers"
)

// operations is …/deployments/{name}/operations: what became of each resource.
func (p *Provider) operations() *providers.Type {
	return &providers.Type{
		Namespace: namespace, Name: "deployments/operations", APIVersions: apiVersions(), Levels: providers.AtSubscription | providers.AtGroup,
		Verbs: providers.ReadOnly,
		List: func(ctx context.Context, r *providers.Request) ([]*resource.Resource, error) {
			return p.listOperations(ctx, r.Scope)
		},
		Get: func(ctx context.Context, r *providers.Request) (*resource.Resource, error) {
			all, err := p.listOperations(ctx, r.ID.Parent())
			if err != nil {
				return nil, err
			}
			for _, one := range all {
				if one.ID.Equal(r.ID) {
					return one, nil
				}
			}
			return nil, rest.NewError(http.StatusNotFound, "DeploymentOperationNotFound", "The deployment operation '"+r.ID.Name()+"' could not be found.")
		},
		Document: func(_ context.Context, r *resource.Resource, _ string) (json.RawMessage, error) {
			return r.Properties, nil
		},
	}
}

func (p *Provider) listOperations(ctx context.Context, deployment armid.ID) ([]*resource.Resource, error) {
	stored, err := p.cfg.Resources.Get(ctx, deployment)
	if err != nil {
		return nil, err
	}
	s, err := resource.ReadInternal[state](stored)
	if err != nil {
		return nil, err
	}
	var out []*resource.Resource
	for _, one := range s.Progress {
		if one.Started.IsZero() {
			continue
		}
		shown, err := p.operation(stored.ID, one)
		if err != nil {
			return nil, err
		}
		out = append(out, shown)
	}
	return out, nil
}

func (p *Provider) operation(deployment armid.ID, one *progress) (*resource.Resource, error) {
	target, err := armid.Parse(one.ID)
	if err != nil {
		return nil, err
	}
	name := uuid.NewSHA1(uuid.NameSpaceURL, []byte(deployment.Key()+target.Key())).String()
	id := deployment.Child("operations", name)
	at, state := one.Ended, one.State
	if at.IsZero() {
		at = p.cfg.Clock.Now()
	}
	if state == "" {
		state = "Running"
	}
	properties := map[string]any{
		"provisioningOperation": "Create", "provisioningState": state, "timestamp": at.UTC(), "duration": isoDuration(at.Sub(one.Started).Truncate(time.Millisecond)),
		"trackingId": name, "statusCode": statusText(one.Status),
		"targetResource": map[string]any{"id": one.ID, "resourceType": one.Type, "resourceName": target.Name()},
	}
	if one.Error != nil {
		properties["statusMessage"] = map[string]any{"status": "Failed", "error": one.Error}
	}
	raw, err := json.Marshal(map[string]any{"id": id.String(), "operationId": name, "properties": properties})
	if err != nil {
		return nil, fmt.Errorf("writing a deployment operation: %w", err)
	}
	return &resource.Resource{ID: id, Properties: raw}, nil
}

// statusText is a status as the service writes it: "BadRequest".
func statusText(status int) string {
	switch status {
	case 0, http.StatusOK:
		return "OK"
	case http.StatusBadRequest:
		return "BadRequest"
	case http.StatusNotFound:
		return "NotFound"
	}
	return http.StatusText(status)
}
