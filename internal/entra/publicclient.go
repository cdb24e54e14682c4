package entra

import (
	"context"
	"encoding/json"
	"net"
	"net/url"
	"slices"
	"strings"

	"github.com/lanyard-project/lanyard/internal/directory"
)

// publicClient is a program on a user's machine, which can keep no secret.
type publicClient struct {
	ID        string
	Name      string
	Redirects []string // beside loopback addresses, which all may use
}

// wellKnownClients are Microsoft's own, which every tenant knows.
func wellKnownClients() map[string]string {
	return map[string]string{
		"04b07795-8ddb-461a-bbee-02f9e1bf7b46": "Microsoft Azure CLI",
		"1950a258-227b-4e31-a9cf-717495945fc2": "Microsoft Azure PowerShell",
		"aebc6443-996d-45c2-90f0-388ff96faa56": "Visual Studio Code",
		"872cd9fa-d31f-45e0-9eab-6e460a02d1f1": "Visual Studio",
		"80faf920-1908-4b52-b5ef-a8e7bedfc67a": "Azure Kubernetes Service AAD Client",
	}
}

// publicClient finds the client that acts for a user: a well-known one, or an
// application that was registered with isFallbackPublicClient.
func (s *Service) publicClient(ctx context.Context, clientID string, tenant directory.Tenant) (publicClient, *Error) {
	if clientID == "" {
		return publicClient{}, parameterMissing("client_id")
	}
	if name, ok := wellKnownClients()[strings.ToLower(clientID)]; ok {
		return publicClient{ID: strings.ToLower(clientID), Name: name}, nil
	}
	principal, refused := s.client(ctx, clientID, tenant)
	if refused != nil {
		return publicClient{}, refused
	}
	application, err := s.options.Directory.Application(ctx, principal.ApplicationObjectID)
	var public bool
	if err != nil || json.Unmarshal(application.Further["isFallbackPublicClient"], &public) != nil || !public {
		return publicClient{}, clientIsConfidential(principal.AppID)
	}
	var redirects struct {
		URIs []string `json:"redirectUris"`
	}
	if raw, ok := application.Further["publicClient"]; ok && json.Unmarshal(raw, &redirects) != nil {
		return publicClient{}, clientIsConfidential(principal.AppID)
	}
	return publicClient{ID: principal.AppID, Name: principal.DisplayName, Redirects: redirects.URIs}, nil
}

// mayRedirect says whether a code may be sent there: to the machine of the user
// himself, or where the application was registered with.
func (c publicClient) mayRedirect(to string) bool {
	return slices.Contains(c.Redirects, to) || isLoopback(to)
}

func isLoopback(to string) bool {
	parsed, err := url.Parse(to)
	if err != nil || parsed.Scheme != "http" || parsed.User != nil || parsed.Fragment != "" {
		return false
	}
	host := parsed.Hostname()
	address := net.ParseIP(host)
	return host == "localhost" || address != nil && address.IsLoopback()
}
