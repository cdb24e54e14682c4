package entra

import (
	"context"
	"errors"
	"net/url"
	"strings"

	"github.com/google/uuid"

	"github.com/lanyard-project/lanyard/internal/directory"
	"github.com/lanyard-project/lanyard/internal/tokens"
)

// isKnownResource names the services that every tenant knows, in lower case and
// without the trailing slash: here it makes no difference, while the token's
// audience keeps it as it was asked for.
func isKnownResource(name string) bool {
	switch name {
	case
		"https://management.azure.com",
		"https://management.core.windows.net",
		"https://graph.microsoft.com",
		"https://graph.windows.net",
		"https://vault.azure.net",
		"https://managedhsm.azure.net",
		"https://storage.azure.com",
		"https://servicebus.azure.net",
		"https://eventhubs.azure.net",
		"https://database.windows.net",
		"https://ossrdbms-aad.database.windows.net",
		"https://cosmos.azure.com",
		"https://containerregistry.azure.net",
		"https://monitor.azure.com",
		"https://api.loganalytics.io",
		"https://appconfig.azure.com",
		"https://batch.core.windows.net",
		"https://datalake.azure.net",
		"https://cognitiveservices.azure.com",
		"https://attest.azure.net",
		"https://api.azrbac.mspim.azure.com",
		"https://redis.azure.com",
		"api://azureadtokenexchange",
		"797f4846-ba00-4fd7-ba43-dac1f8f63013", // Azure Resource Manager
		"00000003-0000-0000-c000-000000000000", // Microsoft Graph
		"00000002-0000-0000-c000-000000000000", // Azure AD Graph
		"cfa8b339-82a2-471a-a3c9-0fc0be7a4093", // Azure Key Vault
		"e406a681-f3d4-42a8-90b6-c2b029497af1", // Azure Storage
		"6dae42f8-4368-4678-94ff-3960e28e3630", // AKS server
		"api://6dae42f8-4368-4678-94ff-3960e28e3630":
		return true
	}
	return false
}

// accountResources are services whose single accounts are resources as well:
// https://ACCOUNT.blob.core.windows.net.
func accountResources() []string {
	return []string{
		".blob.core.windows.net", ".queue.core.windows.net", ".table.core.windows.net", ".file.core.windows.net", ".dfs.core.windows.net",
		".servicebus.windows.net", ".vault.azure.net", ".azurecr.io", ".azconfig.io", ".documents.azure.com",
	}
}

// audience decides whether a resource exists, and the audience and version of its
// tokens. Microsoft's services want v1 tokens; an application of the directory
// gets v2 ones for its client ID, however it was named.
func (s *Service) audience(ctx context.Context, resource, tenantID string) (string, tokens.Version, *Error) {
	if s.knows(resource) {
		return resource, tokens.V1, nil
	}
	appID := strings.TrimPrefix(strings.ToLower(strings.TrimSuffix(resource, "/")), "api://")
	if uuid.Validate(appID) == nil && len(appID) == len(uuid.Nil.String()) {
		principal, err := s.options.Directory.ByAppID(ctx, appID)
		switch {
		case err == nil && principal.TenantID == tenantID && principal.Type == directory.TypeApplication:
			return principal.AppID, tokens.V2, nil
		case err != nil && !errors.Is(err, directory.ErrNotFound):
			s.options.Log.Error("looking up a resource failed", "error", err)
			return "", "", unavailable()
		}
	}
	return "", "", resourceUnknown(resource, tenantID)
}

func (s *Service) knows(resource string) bool {
	name := strings.ToLower(strings.TrimSuffix(resource, "/"))
	if isKnownResource(name) {
		return true
	}
	parsed, err := url.Parse(name)
	if err != nil || parsed.Scheme != "https" || parsed.Path != "" || parsed.RawQuery != "" || parsed.User != nil || parsed.Fragment != "" {
		return false
	}
	if _, own := s.origins[parsed.Host]; own {
		return true
	}
	for _, suffix := range accountResources() {
		if account, ok := strings.CutSuffix(parsed.Host, suffix); ok && account != "" && !strings.Contains(account, ".") {
			return true
		}
	}
	return false
}
