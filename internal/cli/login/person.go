package login

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/cache"
	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/public"

	"github.com/lanyard-project/lanyard/internal/secret"
)

const (
	// publicClient is the application that Azure's command lines are known as.
	publicClient = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"
	msalFile     = "msal.json"
)

// person signs in people, through MSAL, and keeps their refresh tokens.
type person struct {
	client public.Client
	user   string
}

func newPerson(user, tenant string, o Options) (*person, error) {
	if tenant == "" {
		tenant = "organizations"
	}
	client, err := public.New(publicClient,
		public.WithAuthority(o.Cloud.Authority()+"/"+tenant),
		public.WithInstanceDiscovery(o.Cloud.Known()),
		public.WithHTTPClient(o.Transport),
		public.WithCache(msalCache{o.Folder}))
	if err != nil {
		return nil, err
	}
	return &person{client, user}, nil
}

// GetToken uses what MSAL has stored; it never asks the person.
func (p *person) GetToken(ctx context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	accounts, err := p.client.Accounts(ctx)
	if err != nil {
		return azcore.AccessToken{}, err
	}
	for _, account := range accounts {
		if account.PreferredUsername != p.user {
			continue
		}
		result, err := p.client.AcquireTokenSilent(ctx, o.Scopes, public.WithSilentAccount(account))
		if err != nil {
			return azcore.AccessToken{}, fmt.Errorf("the sign-in of %s has ended, run 'lanyard login' again: %w", p.user, err)
		}
		return azcore.AccessToken{Token: result.AccessToken, ExpiresOn: result.ExpiresOn}, nil
	}
	return azcore.AccessToken{}, ErrSignedOut
}

// DeviceCode signs a person in with a code that is typed into a browser.
func DeviceCode(ctx context.Context, tenant string, scopes []string, o Options) (*Credential, error) {
	p, err := newPerson("", tenant, o)
	if err != nil {
		return nil, err
	}
	code, err := p.client.AcquireTokenByDeviceCode(ctx, scopes)
	if err != nil {
		return nil, err
	}
	o.Tell(code.Result.Message)
	result, err := code.AuthenticationResult(ctx)
	if err != nil {
		return nil, err
	}
	return ofPerson(result, o)
}

// Password signs a person in with a name and a password.
func Password(ctx context.Context, tenant, user string, password secret.String, scopes []string, o Options) (*Credential, error) {
	p, err := newPerson(user, tenant, o)
	if err != nil {
		return nil, err
	}
	result, err := p.client.AcquireTokenByUsernamePassword(ctx, scopes, user, password.Reveal()) //nolint:staticcheck // az offers it too
	if err != nil {
		return nil, err
	}
	return ofPerson(result, o)
}

func ofPerson(result public.AuthResult, o Options) (*Credential, error) {
	name := result.Account.PreferredUsername
	if name == "" {
		return nil, errors.New("the token service didn't say who signed in")
	}
	return &Credential{Kind: Person, Cloud: o.Cloud.Name, Tenant: result.IDToken.TenantID, User: name}, nil
}

// msalCache keeps MSAL's own store in the folder.
type msalCache struct{ folder Folder }

// Replace reads the store.
func (c msalCache) Replace(_ context.Context, store cache.Unmarshaler, _ cache.ReplaceHints) error {
	data, err := os.ReadFile(c.folder.file(msalFile))
	if err != nil {
		return nil //nolint:nilerr // without a store the person signs in again
	}
	return store.Unmarshal(data)
}

// Export writes the store.
func (c msalCache) Export(_ context.Context, store cache.Marshaler, _ cache.ExportHints) error {
	data, err := store.Marshal()
	if err != nil {
		return err
	}
	return c.folder.writeBytes(msalFile, data)
}
