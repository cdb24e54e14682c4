// Package dataplane is what the cloud's own data planes (blobs, messages) share:
// the gate between a bearer token and the data of a resource.
//
// It stands below the data planes, above the pipeline that does the same for ARM.
// What it guarantees: a caller is let in only with a token of the service that it
// calls, of the tenant that the resource's subscription trusts, and only to what
// role assignments say about the data action at that scope in this moment; there
// is nothing between that remembers an answer.
package dataplane

import (
	"context"
	"net/http"
	"strings"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/pipeline"
	"github.com/lanyard-project/lanyard/internal/directory"
	"github.com/lanyard-project/lanyard/internal/providers"
	"github.com/lanyard-project/lanyard/internal/rbac"
	"github.com/lanyard-project/lanyard/internal/tokens"
)

// Gate proves callers and decides what they may do. All fields are required.
type Gate struct {
	Verifier *tokens.Verifier
	// Groups are those that a principal is in.
	Groups func(objectID string) []string
	// Decide is *authorization.Provider's DecideWith.
	Decide   func(caller providers.Caller, q rbac.Query) rbac.Decision
	TenantOf func(subscriptionID string) (directory.Tenant, bool)
	// Record is told of every decision.
	Record func(Decision)
}

// Decision is what was decided about one action, for the record.
type Decision struct {
	Caller     providers.Caller
	Action     string
	Scope      armid.ID
	Allowed    bool
	Assignment string // the ID of the role assignment that allows it
}

// Enter proves who sends a request to a resource's data. audiences name the
// service, each without a slash at its end; tokens for both forms are taken. An
// error is a *pipeline.BadToken or a failure of ours.
func (g Gate) Enter(ctx context.Context, bearer string, of armid.ID, audiences ...string) (providers.Caller, error) {
	both := make([]string, 0, 2*len(audiences))
	for _, a := range audiences {
		both = append(both, a, a+"/")
	}
	caller, err := pipeline.TokenAuthenticator{Verifier: g.Verifier, Audiences: both, Groups: g.Groups}.Verify(ctx, bearer)
	if err != nil {
		return caller, err
	}
	tenant, ok := g.TenantOf(of.Subscription())
	if !ok || !strings.EqualFold(tenant.ID, caller.TenantID) {
		return providers.Caller{}, &pipeline.BadToken{Problem: pipeline.WrongTenant}
	}
	return caller, nil
}

// May decides about a data action at a scope.
func (g Gate) May(caller providers.Caller, action string, scope armid.ID, attributes rbac.AttributeSet) bool {
	q := rbac.Query{Action: action, Scope: scope, Data: true}
	if attributes != nil {
		q.Attributes = attributes
	}
	return g.decide(caller, q)
}

// MayManage decides about an action of ARM's that a data plane offers as well, as
// making a container.
func (g Gate) MayManage(caller providers.Caller, action string, scope armid.ID) bool {
	return g.decide(caller, rbac.Query{Action: action, Scope: scope})
}

func (g Gate) decide(caller providers.Caller, q rbac.Query) bool {
	verdict := g.Decide(caller, q)
	d := Decision{Caller: caller, Action: q.Action, Scope: q.Scope, Allowed: verdict.Allowed}
	if verdict.Allowed {
		d.Assignment = verdict.Assignment.ID.String()
	}
	g.Record(d)
	return verdict.Allowed
}

// Bearer is the token of a request, "" if it has none.
func Bearer(r *http.Request) string {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

// FirstLabel is the name of the resource in the host that was called.
func FirstLabel(host string) string {
	label, _, _ := strings.Cut(host, ".")
	return strings.ToLower(label)
}
