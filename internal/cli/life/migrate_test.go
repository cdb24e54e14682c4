package life

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/google/go-cmp/cmp"

	"github.com/lanyard-project/lanyard/internal/cli/azure"
	"github.com/lanyard-project/lanyard/internal/cli/login"
	"github.com/lanyard-project/lanyard/internal/cli/migrate"
	"github.com/lanyard-project/lanyard/internal/cli/value"
)

const (
	identityPath = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/web"
	issuer       = "https://issuer.example/c"
	trusted      = "system:serviceaccount:shop:web"
	audience     = "api://AzureADTokenExchange"
)

// TestPrepareCredentials asks ARM for managed identities' credentials and Graph for applications', and writes only when told to.
func TestPrepareCredentials(t *testing.T) {
	there := func(subject string) string {
		trust := fmt.Sprintf(`"issuer":%q,"subject":%q,"audiences":[%q]`, issuer, subject, audience)
		return `{"value":[{"name":"other","properties":{` + trust + `},` + trust + `}]}`
	}
	for name, test := range map[string]struct {
		of     migrate.Credential
		listed string
		status int // of the write
		apply  bool
		want   string
		writes []string
	}{
		"there already, under another name": {migrate.Credential{ResourceID: identityPath}, there(trusted), 0, true, migrate.Exists, nil},
		"missing, dry run":                  {migrate.Credential{ResourceID: identityPath}, there("another"), 0, false, migrate.Missing, nil},
		"created": {
			migrate.Credential{ResourceID: identityPath}, `{"value":[]}`, http.StatusCreated, true, migrate.Created,
			[]string{"PUT " + identityPath + `/federatedIdentityCredentials/new {"properties":{"issuer":"` + issuer + `","subject":"` + trusted + `","audiences":["` + audience + `"]}}`},
		},
		"refused": {
			migrate.Credential{ResourceID: identityPath}, `{"value":[]}`, http.StatusForbidden, true, migrate.Refused + " NotYours",
			[]string{"PUT " + identityPath + `/federatedIdentityCredentials/new {"properties":{"issuer":"` + issuer + `","subject":"` + trusted + `","audiences":["` + audience + `"]}}`},
		},
		"of an application": {
			migrate.Credential{ClientID: "client"}, `{"value":[]}`, http.StatusCreated, true, migrate.Created,
			[]string{`POST /v1.0/applications/object/federatedIdentityCredentials {"issuer":"` + issuer + `","subject":"` + trusted + `","audiences":["` + audience + `"],"name":"new"}`},
		},
		"of an application, there already":    {migrate.Credential{ClientID: "client"}, there(trusted), 0, true, migrate.Exists, nil},
		"of an application that nobody knows": {migrate.Credential{ClientID: "stranger"}, "", 0, true, migrate.Refused + " no application with client ID stranger", nil},
	} {
		t.Run(name, func(t *testing.T) {
			var writes []string
			client := clientOf(t, func(w http.ResponseWriter, r *http.Request) {
				switch {
				case r.Method != http.MethodGet:
					body, _ := io.ReadAll(r.Body)
					writes = append(writes, r.Method+" "+r.URL.Path+" "+strings.TrimSpace(string(body)))
					w.WriteHeader(test.status)
					fmt.Fprint(w, `{"error":{"code":"NotYours","message":"no"}}`)
				case strings.HasSuffix(r.URL.Path, "/applications"):
					found := []any{}
					if strings.Contains(r.URL.RawQuery, "client") && !strings.Contains(r.URL.RawQuery, "stranger") {
						found = append(found, map[string]string{"id": "object"})
					}
					_ = json.NewEncoder(w).Encode(map[string]any{"value": found})
				default:
					fmt.Fprint(w, test.listed)
				}
			})
			f := test.of
			f.Name, f.Subject, f.State = "new", trusted, migrate.Unknown
			prepare(t.Context(), client, migrate.Report{Issuer: issuer, Audience: audience}, &f, test.apply)
			state, reason, _ := strings.Cut(test.want, " ")
			if f.State != state || !strings.Contains(f.Reason, reason) || reason == "" && f.Reason != "" {
				t.Errorf("%s: %s", f.State, f.Reason)
			}
			if diff := cmp.Diff(test.writes, writes); diff != "" {
				t.Errorf("written (-want +got):\n%s", diff)
			}
		})
	}
}

// clientOf is signed in to a server that answers for ARM and Graph.
func clientOf(t *testing.T, answer http.HandlerFunc) *azure.Client {
	t.Helper()
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		answer(w, r)
	}))
	t.Cleanup(server.Close)
	cloud := &login.Cloud{Name: "test", Endpoints: value.NewObject(
		"resourceManager", server.URL+"/", "activeDirectory", server.URL, "activeDirectoryResourceId", "https://management.azure.com/", "microsoftGraphResourceId", server.URL+"/",
	)}
	client, err := azure.New(cloud, "tenant", "s", anyToken{}, server.Client(), "v0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// anyToken is a FAKE credential.
type anyToken struct{}

func (anyToken) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{Token: "t", ExpiresOn: time.Now().Add(time.Hour)}, nil
}
