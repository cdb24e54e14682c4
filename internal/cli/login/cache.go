package login

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
)

const (
	tokensFile = "tokens.json"
	// earlier is how long before its end a token isn't used any more.
	earlier = 5 * time.Minute
)

// cached asks for a token only when the folder has none that is still good.
type cached struct {
	source azcore.TokenCredential
	folder Folder
	fresh  bool
	key    string
}

type storedToken struct {
	Token     string    `json:"token"`
	ExpiresOn time.Time `json:"expiresOn"`
}

// GetToken returns a token for the scopes. A request with claims, which a service
// sends to have a token replaced, and one for another tenant pass the store by.
func (c *cached) GetToken(ctx context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	scopes := slices.Clone(o.Scopes)
	slices.Sort(scopes)
	key := c.key + "|" + strings.Join(scopes, " ")
	tokens := map[string]storedToken{}
	if o.Claims == "" && o.TenantID == "" {
		// An unreadable store costs a sign-in, not the command.
		_ = c.folder.read(tokensFile, &tokens)
		if t, ok := tokens[key]; ok && !c.fresh && time.Until(t.ExpiresOn) > earlier {
			return azcore.AccessToken{Token: t.Token, ExpiresOn: t.ExpiresOn}, nil
		}
	}
	token, err := c.source.GetToken(ctx, o)
	if err != nil || o.TenantID != "" {
		return token, err
	}
	for k, t := range tokens {
		if time.Until(t.ExpiresOn) <= 0 {
			delete(tokens, k)
		}
	}
	tokens[key] = storedToken{token.Token, token.ExpiresOn}
	_ = c.folder.write(tokensFile, tokens) // as above
	return token, nil
}
