package kubeguard

import (
	"context"
	"errors"
	"strings"

	authenticationv1 "k8s.io/api/authentication/v1"

	"github.com/lanyard-project/lanyard/internal/tokens"
)

// ServerApp is the application that tokens for AKS clusters are issued for, the same in every tenant: "Azure Kubernetes
// Service AAD Server". ClientApp is the one that users sign in with.
const (
	ServerApp = "6dae42f8-4368-4678-94ff-3960e28e3630"
	ClientApp = "80faf920-1908-4b52-b5ef-a8e7bedfc67a"
)

// objectIDKey is the name under which the object ID travels with a user, so that role assignments can be asked for.
const objectIDKey = "oid"

// authenticate says who a token speaks for: a user by his user name, all others by their object ID.
func (g *Guard) authenticate(ctx context.Context, c Cluster, review *authenticationv1.TokenReview) {
	raw := review.Spec.Token
	review.Spec.Token = "" // it isn't sent back
	caller, err := g.options.Tokens.Verify(ctx, raw, []string{ServerApp, "api://" + ServerApp, "spn:" + ServerApp})
	if err == nil && !strings.EqualFold(caller.TenantID, c.TenantID) {
		err = errors.New("the token is of another tenant than the cluster's")
	}
	if err != nil {
		review.Status = authenticationv1.TokenReviewStatus{Error: refusal(err)}
		return
	}
	user := authenticationv1.UserInfo{
		Username: caller.ObjectID, UID: caller.ObjectID, Groups: g.options.Groups.GroupsOf(caller.ObjectID),
		Extra: map[string]authenticationv1.ExtraValue{objectIDKey: {caller.ObjectID}},
	}
	if caller.User != "" {
		user.Username = caller.User
	}
	review.Status = authenticationv1.TokenReviewStatus{Authenticated: true, User: user}
}

// refusal is for the API server's log: kubectl hears "Unauthorized" alone.
func refusal(err error) string {
	var why *tokens.Error
	if errors.As(err, &why) {
		return why.Error()
	}
	return err.Error()
}
