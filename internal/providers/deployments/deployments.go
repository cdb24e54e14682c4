package deployments

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"time"

	"k8s.io/utils/clock"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/providers"
	"github.com/lanyard-project/lanyard/internal/seal"
)

const (
	namespace      = "Microsoft.Resources"
	deploymentType = namespace + "/deployments"
	deployPlan     = "deploy"
)

// Call is one ARM call that a deployment makes.
type Call struct {
	Method  string
	Path    string
	Version string
	Body    []byte
}

// Config says what the provider works with.
type Config struct {
	Resources providers.Resources
	Registry  *providers.Registry
	Clock     clock.Clock
	// Box seals secure parameters.
	Box *seal.Box
	// Origin is the base URL of ARM, for environment().
	Origin string
	// Check decides whether a caller may perform an action: what is refused anyway
	// is refused before anything is made.
	Check func(ctx context.Context, caller providers.Caller, action string, scope armid.ID) (bool, string)
	// Send makes a call as the caller through the whole ARM pipeline. It may be set
	// after New, before the first call is served.
	Send func(ctx context.Context, caller providers.Caller, call Call) rest.Response
}

// Provider serves deployments.
type Provider struct{ cfg Config }

// New returns the provider.
func New(cfg Config) *Provider { return &Provider{cfg: cfg} }

// Types returns the provider's resource types.
func (p *Provider) Types() []*providers.Type {
	return []*providers.Type{p.deployments(), p.operations()}
}

func apiVersions() []string {
	return []string{
		"2015-11-01", "2016-02-01", "2016-06-01", "2016-07-01", "2016-09-01", "2017-05-10", "2018-02-01", "2018-05-01", "2019-03-01",
		"2019-05-01", "2019-05-10", "2019-07-01", "2019-08-01", "2019-10-01", "2020-06-01", "2020-08-01", "2020-10-01", "2021-01-01",
		"2021-04-01", "2022-09-01", "2022-12-01", "2023-07-01", "2024-03-01", "2024-07-01", "2024-11-01", "2025-03-01", "2025-04-01",
	}
}

func (p *Provider) deployments() *providers.Type {
	return &providers.Type{
		Namespace: namespace, Name: "deployments", APIVersions: apiVersions(), Levels: providers.AtSubscription | providers.AtGroup,
		Verbs:       providers.CanGet | providers.CanList | providers.CanPut | providers.CanDelete,
		NamePattern: regexp.MustCompile(`^[-\w._()]{1,64}$`),
		NameRule:    "The name of a deployment has 1 to 64 letters, digits, '-', '_', '.', '(' and ')'.",
		HideSystem:  true, GoneEmpty: true,
		NotFound: func(id armid.ID) *rest.Error {
			return rest.NewError(http.StatusNotFound, "DeploymentNotFound", fmt.Sprintf("Deployment '%s' could not be found.", id.Name()))
		},
		Relax:   relaxed,
		Prepare: prepare, Admit: p.admit, Busy: busy, Filter: byState,
		Actions: []providers.Action{
			{Name: "validate", Anew: true, Run: p.validate},
			{Name: "whatIf", Anew: true, Run: p.whatIf},
			{Name: "cancel", Run: cancel},
			{Name: "exportTemplate", Run: export},
		},
		Plans: []providers.Plan{{Name: deployPlan, Steps: []providers.Step{
			{Name: "make the resources", Run: p.makeResources, Patience: 10 * time.Minute},
			{Name: "delete what isn't in the template", Run: p.deleteOthers, Patience: 10 * time.Minute},
			{Name: "compute the outputs", Run: p.computeOutputs},
		}}},
	}
}

// request is what a client says about a deployment.
type request struct {
	Mode         string          `json:"mode"`
	Template     json.RawMessage `json:"template,omitempty"`
	TemplateLink json.RawMessage `json:"templateLink,omitempty"`
	Parameters   json.RawMessage `json:"parameters,omitempty"`
	ParamsLink   json.RawMessage `json:"parametersLink,omitempty"`
}

// state is what a deployment keeps for itself.
type state struct {
	Template   json.RawMessage `json:"template"`
	Parameters json.RawMessage `json:"parameters,omitempty"` // the values that aren't secure
	Secure     []byte          `json:"secure,omitempty"`     // sealed; see keep
	Complete   bool            `json:"complete,omitempty"`
	Tenant     string          `json:"tenant"`
	Progress   []*progress     `json:"progress,omitempty"`
	Cancelled  bool            `json:"cancelled,omitempty"`
	// Done: nothing is left to do, and secure parameters are gone.
	Done bool `json:"done,omitempty"`
}

// progress is how far one resource has come.
type progress struct {
	ID        string         `json:"id"`
	Type      string         `json:"type"`
	State     string         `json:"state"` // "", Running, Succeeded, Failed
	Started   time.Time      `json:"started,omitzero"`
	Ended     time.Time      `json:"ended,omitzero"`
	Operation string         `json:"operation,omitempty"` // where its long-running operation is followed
	Status    int            `json:"status,omitempty"`
	Error     *rest.Document `json:"error,omitempty"`
	Deletes   bool           `json:"deletes,omitempty"`
}

func busy(current *resource.Resource) *rest.Error {
	return rest.NewError(http.StatusConflict, "DeploymentActive", fmt.Sprintf(
		"Unable to edit or replace deployment '%s': previous deployment from '%s' is still active. Please see https://aka.ms/arm-deploy for usage details.",
		current.ID.Name(), current.SystemData.LastModifiedAt.UTC().Format("1/2/2006 3:04:05 PM")))
}

// stateFilter is the one filter that lists of deployments have.
var stateFilter = regexp.MustCompile(`(?i)^\s*provisioningState\s+eq\s+'(\w+)'\s*$`)

func byState(r *providers.Request) (func(*resource.Resource) bool, error) {
	text := r.Query.Get("$filter")
	if text == "" {
		return func(*resource.Resource) bool { return true }, nil
	}
	m := stateFilter.FindStringSubmatch(text)
	if m == nil {
		return nil, rest.InvalidFilter(text)
	}
	return func(d *resource.Resource) bool { return d.ProvisioningState == m[1] }, nil
}

// cancel asks a running deployment to start nothing more.
func cancel(_ context.Context, r *providers.Request) (rest.Response, error) {
	if !r.Old.Busy() {
		return rest.Response{}, rest.NewError(http.StatusConflict, "DeploymentCannotBeCancelled",
			fmt.Sprintf("The deployment '%s' cannot be cancelled because its provisioning state is '%s'.", r.Old.ID.Name(), r.Old.ProvisioningState))
	}
	s, err := resource.ReadInternal[state](r.Old)
	if err != nil {
		return rest.Response{}, err
	}
	s.Cancelled = true
	r.Next = r.Old.Clone()
	return rest.Empty(http.StatusNoContent), r.Next.SetInternal(s)
}

func export(_ context.Context, r *providers.Request) (rest.Response, error) {
	s, err := resource.ReadInternal[state](r.Old)
	return rest.OK(map[string]any{"template": s.Template}), err
}
