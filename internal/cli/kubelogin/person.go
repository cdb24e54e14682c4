package kubelogin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/cache"
	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/public"
	"github.com/google/renameio/v2/maybe"
)

// peoplesApp is the application that people sign in to AKS clusters with.
const peoplesApp = "80faf920-1908-4b52-b5ef-a8e7bedfc67a"

// person signs a user in, and stays signed in by MSAL's refresh token.
type person struct {
	client  public.Client
	options *options
	err     io.Writer // where he reads what to do
}

func newPerson(o *options, err io.Writer) (*person, error) {
	client, failed := public.New(o.client,
		public.WithAuthority(strings.TrimSuffix(o.authority, "/")+"/"+o.tenant), public.WithInstanceDiscovery(!o.anyHost),
		public.WithHTTPClient(o.transport), public.WithCache(signIns{filepath.Join(o.cache, "lanyard-"+o.client+"-"+o.tenant+".json")}))
	if failed != nil {
		return nil, fmt.Errorf("preparing to sign in: %w", failed)
	}
	return &person{client, o, err}, nil
}

// GetToken implements azcore.TokenCredential.
func (p *person) GetToken(ctx context.Context, request policy.TokenRequestOptions) (azcore.AccessToken, error) {
	if accounts, err := p.client.Accounts(ctx); err == nil {
		for _, account := range accounts {
			if p.options.mode == password && !strings.EqualFold(account.PreferredUsername, p.options.user) {
				continue
			}
			if result, err := p.client.AcquireTokenSilent(ctx, request.Scopes, public.WithSilentAccount(account)); err == nil {
				return azcore.AccessToken{Token: result.AccessToken, ExpiresOn: result.ExpiresOn}, nil
			}
		}
	}
	result, err := p.signIn(ctx, request.Scopes)
	return azcore.AccessToken{Token: result.AccessToken, ExpiresOn: result.ExpiresOn}, err
}

func (p *person) signIn(ctx context.Context, scopes []string) (public.AuthResult, error) {
	switch p.options.mode {
	case password:
		if p.options.user == "" || p.options.password.IsZero() {
			return public.AuthResult{}, errors.New("a name and a password are needed: $AAD_USER_PRINCIPAL_NAME and $AAD_USER_PRINCIPAL_PASSWORD")
		}
		return p.client.AcquireTokenByUsernamePassword(ctx, scopes, p.options.user, p.options.password.Reveal()) //nolint:staticcheck // kubelogin has this mode as long as MSAL has
	case interactive:
		return p.client.AcquireTokenInteractive(ctx, scopes)
	}
	code, err := p.client.AcquireTokenByDeviceCode(ctx, scopes)
	if err != nil {
		return public.AuthResult{}, err
	}
	fmt.Fprintln(p.err, code.Result.Message)
	return code.AuthenticationResult(ctx)
}

// signIns keeps MSAL's sign-ins in a file that only its owner can read.
type signIns struct{ file string }

// Replace implements cache.ExportReplace.
func (s signIns) Replace(_ context.Context, into cache.Unmarshaler, _ cache.ReplaceHints) error {
	data, err := os.ReadFile(s.file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading the sign-ins: %w", err)
	}
	return into.Unmarshal(data)
}

// Export implements cache.ExportReplace.
func (s signIns) Export(_ context.Context, from cache.Marshaler, _ cache.ExportHints) error {
	data, err := from.Marshal()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(s.file), 0o700); err != nil {
		return fmt.Errorf("keeping the sign-in: %w", err)
	}
	return maybe.WriteFile(s.file, data, 0o600)
}
