package pipeline

import (
	"context"
	"errors"

	"github.com/lanyard-project/lanyard/internal/providers"
	"github.com/lanyard-project/lanyard/internal/tokens"
)

// TokenAuthenticator takes callers from the tokens of our own token service.
type TokenAuthenticator struct {
	Verifier *tokens.Verifier
	// Audiences that ARM accepts; see Audiences.
	Audiences []string
	// Groups are the groups that a principal is in, by object IDs; nil means that
	// there are none. They are asked for with every call: who leaves a group loses
	// its rights at once, whatever his token says.
	Groups func(objectID string) []string
}

// Audiences lists what clients name ARM in their token requests: Azure's own
// names, and each origin that we are reached under, with and without a slash.
func Audiences(origins ...string) []string {
	var out []string
	for _, name := range append([]string{"https://management.core.windows.net", "https://management.azure.com"}, origins...) {
		out = append(out, name+"/", name)
	}
	return out
}

// Verify implements Authenticator.
func (a TokenAuthenticator) Verify(ctx context.Context, bearer string) (providers.Caller, error) {
	proven, err := a.Verifier.Verify(ctx, bearer, a.Audiences)
	if err != nil {
		return providers.Caller{}, problem(err)
	}
	caller := providers.Caller{TenantID: proven.TenantID, ObjectID: proven.ObjectID, AppID: proven.AppID, Type: "Application"}
	switch {
	case proven.ManagedIdentity != "":
		caller.Type = "ManagedIdentity"
	case proven.User != "":
		caller.Type, caller.Name = "User", proven.User
	}
	if a.Groups != nil {
		caller.Groups = a.Groups(proven.ObjectID)
	}
	return caller, nil
}

// problem says in our terms what the verifier refused.
func problem(err error) error {
	var refused *tokens.Error
	if !errors.As(err, &refused) {
		return err
	}
	switch refused.Kind {
	case tokens.Expired:
		return &BadToken{Problem: ExpiredToken, Expired: refused.Expires}
	case tokens.WrongAudience:
		return &BadToken{Problem: WrongAudience, Audience: refused.Audience}
	case tokens.KeyGone:
		return &BadToken{Problem: RevokedToken}
	case tokens.WrongTenant:
		return &BadToken{Problem: WrongTenant, Issuer: refused.Issuer}
	default:
		return &BadToken{Problem: InvalidToken}
	}
}
