package kubeguard_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/kubeguard"
	"github.com/lanyard-project/lanyard/internal/providers"
	"github.com/lanyard-project/lanyard/internal/rbac"
	"github.com/lanyard-project/lanyard/internal/secret"
	"github.com/lanyard-project/lanyard/internal/tokens"
)

const (
	tenant = "7a0b0c0d-0000-4000-8000-000000000002"
	alice  = "aaaaaaaa-0000-4000-8000-000000000001"
	robot  = "bbbbbbbb-0000-4000-8000-000000000002"
	team   = "cccccccc-0000-4000-8000-000000000003"
)

func cluster() armid.ID {
	return armid.ResourceGroup("6f1a2b3c-0000-4000-8000-000000000001", "rg").Extension("Microsoft.ContainerService", "managedClusters", "demo")
}

// world is what the guard looks things up in: one cluster, two principals, one group, and roles.
type world struct {
	tenant    string // of the tokens
	azureRBAC bool
	roles     map[string][]string // data actions by scope, lower-case
}

func (w world) Guarded(_ context.Context, key string, presented secret.String) (kubeguard.Cluster, error) {
	if key != "key" || !presented.Equal(secret.New("its secret")) {
		return kubeguard.Cluster{}, kubeguard.ErrUnknown
	}
	return kubeguard.Cluster{ID: cluster(), TenantID: tenant, AzureRBAC: w.azureRBAC}, nil
}

func (w world) Verify(_ context.Context, raw string, audiences []string) (tokens.Caller, error) {
	if audiences[0] != kubeguard.ServerApp {
		return tokens.Caller{}, &tokens.Error{Kind: tokens.WrongAudience}
	}
	switch raw {
	case "alice's":
		return tokens.Caller{TenantID: w.tenant, ObjectID: alice, User: "alice@example.onmicrosoft.com"}, nil
	case "robot's":
		return tokens.Caller{TenantID: w.tenant, ObjectID: robot, AppID: "app"}, nil
	}
	return tokens.Caller{}, &tokens.Error{Kind: tokens.Expired, Expires: time.Unix(0, 0), Now: time.Unix(1, 0)}
}

func (w world) GroupsOf(id string) []string {
	if id == alice {
		return []string{team}
	}
	return nil
}

func (w world) DecideWith(who providers.Caller, q rbac.Query) rbac.Decision {
	for _, action := range w.roles[strings.ToLower(q.Scope.String())] {
		if who.ObjectID == alice && q.Data && action == q.Action {
			return rbac.Decision{Allowed: true, Assignment: &rbac.Assignment{ID: q.Scope.Extension("Microsoft.Authorization", "roleAssignments", "assigned")}}
		}
	}
	return rbac.Decision{}
}

// ask sends a review as an API server does.
func ask[T any](t *testing.T, w world, path, credential string, review T) (int, T) {
	t.Helper()
	body, err := json.Marshal(review)
	if err != nil {
		t.Fatal(err)
	}
	guard := kubeguard.New(kubeguard.Options{Clusters: w, Tokens: w, Groups: w, Roles: w, Log: slog.New(slog.DiscardHandler)})
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, bytes.NewReader(body))
	r.Header.Set("Authorization", credential)
	recorder := httptest.NewRecorder()
	guard.Handler().ServeHTTP(recorder, r)
	var answer T
	if recorder.Code == http.StatusOK {
		if err := json.Unmarshal(recorder.Body.Bytes(), &answer); err != nil {
			t.Fatal(err)
		}
	}
	return recorder.Code, answer
}

const (
	itself       = "Bearer its secret"
	authenticate = "/kubernetes/key/authenticate"
	authorize    = "/kubernetes/key/authorize"
)

func TestOnlyAClustersOwnAPIServerIsAnswered(t *testing.T) {
	for _, tt := range []struct{ name, path, credential string }{
		{"no credential", authenticate, ""},
		{"no bearer", authenticate, "Basic its secret"},
		{"another secret", authorize, "Bearer another"},
		{"another cluster", "/kubernetes/other/authorize", itself},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if code, _ := ask(t, world{}, tt.path, tt.credential, authenticationv1.TokenReview{}); code != http.StatusUnauthorized {
				t.Errorf("answered with %d", code)
			}
		})
	}
	if code, _ := ask(t, world{}, authenticate, itself, "no review"); code != http.StatusBadRequest {
		t.Errorf("what isn't a review is answered with %d", code)
	}
}

func TestTokens(t *testing.T) {
	known := func(name, id string, groups ...string) authenticationv1.TokenReviewStatus {
		return authenticationv1.TokenReviewStatus{Authenticated: true, User: authenticationv1.UserInfo{
			Username: name, UID: id, Groups: groups, Extra: map[string]authenticationv1.ExtraValue{"oid": {id}},
		}}
	}
	for _, tt := range []struct {
		name, token, tenant string
		want                authenticationv1.TokenReviewStatus
	}{
		{"a user is known by his name, with his groups", "alice's", tenant, known("alice@example.onmicrosoft.com", alice, team)},
		{"a service principal by its object ID", "robot's", tenant, known(robot, robot)},
		{"another tenant's user is nobody", "alice's", "another", authenticationv1.TokenReviewStatus{Error: "the token is of another tenant than the cluster's"}},
		{"an expired token is nobody's", "old", tenant, authenticationv1.TokenReviewStatus{Error: (&tokens.Error{Kind: tokens.Expired, Expires: time.Unix(0, 0), Now: time.Unix(1, 0)}).Error()}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, got := ask(t, world{tenant: tt.tenant}, authenticate, itself, authenticationv1.TokenReview{Spec: authenticationv1.TokenReviewSpec{Token: tt.token}})
			if diff := cmp.Diff(tt.want, got.Status); diff != "" {
				t.Errorf("status (-want +got):\n%s", diff)
			}
			if got.Spec.Token != "" {
				t.Error("the token is sent back")
			}
		})
	}
}

func TestRoleAssignmentsDecide(t *testing.T) {
	const readPods = "Microsoft.ContainerService/managedClusters/pods/read"
	whole, inTeam := strings.ToLower(cluster().String()), strings.ToLower(cluster().String())+"/namespaces/team"
	request := func(oid, namespace string) authorizationv1.SubjectAccessReviewSpec {
		spec := authorizationv1.SubjectAccessReviewSpec{User: "alice", ResourceAttributes: &authorizationv1.ResourceAttributes{Namespace: namespace, Resource: "pods", Verb: "list"}}
		if oid != "" {
			spec.Extra = map[string]authorizationv1.ExtraValue{"oid": {oid}}
		}
		return spec
	}
	const refused = "User does not have access to the resource in Azure. Update role assignment to allow access."
	const silent = "Azure does not have opinion for this user."
	for _, tt := range []struct {
		name  string
		world world
		spec  authorizationv1.SubjectAccessReviewSpec
		want  authorizationv1.SubjectAccessReviewStatus
	}{
		{"a role at the cluster", world{azureRBAC: true, roles: map[string][]string{whole: {readPods}}}, request(alice, ""),
			authorizationv1.SubjectAccessReviewStatus{Allowed: true, Reason: "Access allowed by Azure RBAC Role Assignment assigned to user alice"}},
		{"a role at the namespace", world{azureRBAC: true, roles: map[string][]string{inTeam: {readPods}}}, request(alice, "team"),
			authorizationv1.SubjectAccessReviewStatus{Allowed: true, Reason: "Access allowed by Azure RBAC Role Assignment assigned to user alice"}},
		{"a role at another namespace", world{azureRBAC: true, roles: map[string][]string{inTeam: {readPods}}}, request(alice, "default"), authorizationv1.SubjectAccessReviewStatus{Reason: refused}},
		{"a role at the namespace, asked of the cluster", world{azureRBAC: true, roles: map[string][]string{inTeam: {readPods}}}, request(alice, ""), authorizationv1.SubjectAccessReviewStatus{Reason: refused}},
		{"another principal", world{azureRBAC: true, roles: map[string][]string{whole: {readPods}}}, request(robot, ""), authorizationv1.SubjectAccessReviewStatus{Reason: refused}},
		{"a service account or certificate", world{azureRBAC: true, roles: map[string][]string{whole: {readPods}}}, request("", ""), authorizationv1.SubjectAccessReviewStatus{Reason: silent}},
		{"Azure RBAC isn't wanted", world{roles: map[string][]string{whole: {readPods}}}, request(alice, ""), authorizationv1.SubjectAccessReviewStatus{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, got := ask(t, tt.world, authorize, itself, authorizationv1.SubjectAccessReview{Spec: tt.spec})
			if diff := cmp.Diff(tt.want, got.Status); diff != "" {
				t.Errorf("status (-want +got):\n%s", diff)
			}
		})
	}
}
