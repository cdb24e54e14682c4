package imagepull

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"time"

	"k8s.io/utils/clock"

	"github.com/lanyard-project/lanyard/internal/secret"
)

const (
	// MetadataService is where a machine asks who it is.
	MetadataService = "http://169.254.169.254"
	// registryAudience is what the token is for: registries and nothing else.
	registryAudience = "https://containerregistry.azure.net"

	// metadataTries and metadataPause bound how long a metadata service that is busy
	// is asked again: less than a kubelet waits for its credential provider.
	metadataTries = 5
	metadataPause = 250 * time.Millisecond
)

// CloudConfig is the part of a node's azure.json that says who the node is.
type CloudConfig struct {
	TenantID           string        `json:"tenantId"`
	ClientID           string        `json:"aadClientId"`
	ClientSecret       secret.String `json:"aadClientSecret"`
	UseManagedIdentity bool          `json:"useManagedIdentityExtension"`
	ManagedIdentity    string        `json:"userAssignedIdentityID"`
}

// ReadCloudConfig reads the file.
func ReadCloudConfig(path string) (CloudConfig, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return CloudConfig{}, fmt.Errorf("reading the node's cloud configuration: %w", err)
	}
	var c CloudConfig
	if err := json.Unmarshal(text, &c); err != nil {
		// The error names what it stumbled over, which could be the secret.
		return CloudConfig{}, fmt.Errorf("reading the node's cloud configuration: %s isn't JSON of the form of azure.json", path)
	}
	return c, nil
}

// Node gets the registries' credentials of the node that it runs on.
type Node struct {
	Config CloudConfig
	// Metadata is the base URL of the metadata service.
	Metadata string
	Client   *http.Client
	Clock    clock.Clock
}

// Credentials are a user name and a password for a registry.
func (n Node) Credentials(ctx context.Context, loginServer string) (user string, password secret.String, err error) {
	if !n.Config.UseManagedIdentity {
		return n.Config.ClientID, n.Config.ClientSecret, nil
	}
	token, err := n.Token(ctx)
	if err != nil {
		return "", secret.String{}, err
	}
	password, err = Exchange(ctx, n.Client, loginServer, n.Config.TenantID, token)
	return TokenUser, password, err
}

// Token is one of the kubelet identity, for registries.
func (n Node) Token(ctx context.Context) (secret.String, error) {
	query := url.Values{"api-version": {"2018-02-01"}, "resource": {registryAudience}}
	if n.Config.ManagedIdentity != "" {
		query.Set("client_id", n.Config.ManagedIdentity)
	}
	for try := 1; ; try++ {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, n.Metadata+"/metadata/identity/oauth2/token?"+query.Encode(), nil)
		if err != nil {
			return secret.String{}, fmt.Errorf("asking the metadata service: %w", err)
		}
		request.Header.Set("Metadata", "true")
		var answer struct {
			Token secret.String `json:"access_token"`
		}
		err = do(n.Client, request, "instance metadata", &answer)
		if err == nil && answer.Token.IsZero() {
			return secret.String{}, errors.New("the metadata service answered without a token")
		}
		var refused *Refused
		passing := errors.As(err, &refused) && (refused.Status == http.StatusTooManyRequests || refused.Status == http.StatusGone || refused.Status >= 500)
		if err == nil || !passing || try == metadataTries {
			return answer.Token, err
		}
		select {
		case <-ctx.Done():
			return secret.String{}, errors.Join(err, ctx.Err())
		case <-n.Clock.After(metadataPause << (try - 1)):
		}
	}
}
