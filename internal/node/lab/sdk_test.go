package lab_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/managedidentity"
)

// unmanaged takes away what would lead the libraries to another place than the metadata address.
func unmanaged(t *testing.T) {
	t.Helper()
	for _, name := range []string{
		"IDENTITY_ENDPOINT", "IDENTITY_HEADER", "IDENTITY_SERVER_THUMBPRINT", "IMDS_ENDPOINT", "MSI_ENDPOINT", "MSI_SECRET",
		"AZURE_POD_IDENTITY_AUTHORITY_HOST", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET", "AZURE_TENANT_ID", "AZURE_FEDERATED_TOKEN_FILE",
		"AZURE_TOKEN_CREDENTIALS", "DEFAULT_IDENTITY_CLIENT_ID",
	} {
		t.Setenv(name, "") // restores it in the end
		_ = os.Unsetenv(name)
	}
}

// sdk gets a token for a resource as one of the two libraries of Go does, with its own rules of retrying; only the waits between
// azidentity's attempts are shorter. The client has to make its connections inside a pod's namespace.
type sdk func(ctx context.Context, c *http.Client, resource, kind, id string) (string, error)

func byAzidentity(ctx context.Context, c *http.Client, resource, kind, id string) (string, error) {
	options := &azidentity.ManagedIdentityCredentialOptions{ClientOptions: azcore.ClientOptions{
		Transport: c, Retry: policy.RetryOptions{RetryDelay: 50 * time.Millisecond},
	}}
	switch kind {
	case "client":
		options.ID = azidentity.ClientID(id)
	case "resource":
		options.ID = azidentity.ResourceID(id)
	case "object":
		options.ID = azidentity.ObjectID(id)
	}
	credential, err := azidentity.NewManagedIdentityCredential(options)
	if err != nil {
		return "", err
	}
	token, err := credential.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{resource + "/.default"}})
	return token.Token, err
}

func byMSAL(ctx context.Context, c *http.Client, resource, kind, id string) (string, error) {
	wanted := managedidentity.SystemAssigned()
	switch kind {
	case "client":
		wanted = managedidentity.UserAssignedClientID(id)
	case "resource":
		wanted = managedidentity.UserAssignedResourceID(id)
	case "object":
		wanted = managedidentity.UserAssignedObjectID(id)
	}
	made, err := managedidentity.New(wanted, managedidentity.WithHTTPClient(c))
	if err != nil {
		return "", err
	}
	result, err := made.AcquireToken(ctx, resource)
	return result.AccessToken, err
}

var libraries = map[string]sdk{"azidentity": byAzidentity, "msal": byMSAL}

// Both libraries share one cache in the process: each case asks for a resource of its own.
func TestLibrariesOfGo(t *testing.T) {
	unmanaged(t)
	w := newWorld(t)
	w.metadata.attach(demo)
	w.metadata.attach(other)
	w.agent()
	p := w.pod("web", "10.77.1.2", "demo")
	w.api.assign(p, demo, "Assigned")
	p.wantToken("", "demo")
	bare := w.pod("plain", "10.77.1.3", "")

	for name, get := range libraries {
		for _, test := range []struct {
			name, kind, id string
			from           *pod
			refused        string // what the program's user reads
		}{
			{name: "none", from: p},
			{name: "client", kind: "client", id: demo.clientID, from: p},
			{name: "CLIENT", kind: "client", id: strings.ToUpper(demo.clientID), from: p},
			{name: "resource", kind: "resource", id: demo.resourceID(), from: p},
			{name: "object", kind: "object", id: demo.objectID, from: p},
			{name: "other-client", kind: "client", id: other.clientID, from: p, refused: "isn't assigned to this resource|Identity not found"},
			{name: "other-resource", kind: "resource", id: other.resourceID(), from: p, refused: "isn't assigned to this resource|Identity not found"},
			{name: "other-object", kind: "object", id: other.objectID, from: p, refused: "isn't assigned to this resource|Identity not found"},
			{name: "unlabelled", from: bare, refused: "has no label aadpodidbinding"},
		} {
			t.Run(name+"/"+test.name, func(t *testing.T) {
				c, asked := client(test.from.namespace, nil), &attempts{}
				asked.RoundTripper, c.Transport = c.Transport, asked
				token, err := get(t.Context(), c, "https://"+name+"-"+test.name+"-"+w.nonce()+".example", test.kind, test.id)
				if test.refused == "" {
					if got := tokenOf(token); err != nil || got != "demo" {
						t.Errorf("token of %q, %v; want one of demo", got, err)
					}
					return
				}
				if err == nil || !containsAny(err.Error(), test.refused) || len(asked.statuses) != 1 {
					t.Errorf("refused with %v after the answers %v; want …%s… after one: a refusal is not to be tried again", err, asked.statuses, test.refused)
				}
			})
		}
	}
	if strangers := w.metadata.visitors(); len(strangers) > 0 {
		t.Errorf("pods reached the metadata service from %v", strangers)
	}
}

// attempts notes the answers to a library. The metadata service's trouble with the resource ends with the first.
type attempts struct {
	http.RoundTripper
	statuses []int
	over     atomic.Bool
}

func (a *attempts) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := a.RoundTripper.RoundTrip(r)
	if err == nil {
		a.statuses = append(a.statuses, answer.StatusCode)
		a.over.Store(true)
	}
	return answer, err
}

// Whatever the metadata service says for a while, the agent passes on what libraries try again after, and they get their token.
func TestLibrariesOfGoTryAgain(t *testing.T) {
	unmanaged(t)
	w := newWorld(t)
	w.metadata.attach(demo)
	w.agent()
	p := w.pod("web", "10.77.1.2", "demo")
	w.api.assign(p, demo, "Assigned")
	p.wantToken("", "demo")

	type trial struct {
		*attempts
		status int
	}
	trials := map[string]trial{} // by resource
	for name := range libraries {
		for _, status := range []int{404, 410, 429, 500, 503} {
			trials[fmt.Sprintf("https://again-%s-%d-%s.example", name, status, w.nonce())] = trial{&attempts{}, status}
		}
	}
	w.metadata.setTrouble(func(answer http.ResponseWriter, r *http.Request) {
		if trial := trials[r.URL.Query().Get("resource")]; trial.attempts == nil || trial.over.Load() {
			w.metadata.answer(answer, r)
		} else {
			answer.WriteHeader(trial.status)
		}
	})
	var group sync.WaitGroup
	for resource, trial := range trials {
		name := strings.Split(resource, "-")[1]
		c := client(p.namespace, nil)
		trial.RoundTripper, c.Transport = c.Transport, trial.attempts
		group.Go(func() {
			token, err := libraries[name](t.Context(), c, resource, "client", demo.clientID)
			if got := tokenOf(token); err != nil || got != "demo" || len(trial.statuses) < 2 {
				t.Errorf("%s: token of %q, %v after the answers %v; want one of demo in the end, and none at first", resource, got, err, trial.statuses)
			}
		})
	}
	group.Wait()
}

// DefaultAzureCredential asks first without the header that a metadata service insists on, and gives it a second. Any answer
// tells it that there is one.
func TestDefaultAzureCredentialFindsTheAgent(t *testing.T) {
	unmanaged(t)
	t.Setenv("AZURE_TOKEN_CREDENTIALS", "prod") // no programs of a developer's machine
	t.Setenv("AZURE_CLIENT_ID", demo.clientID)
	w := newWorld(t)
	w.metadata.attach(demo)
	w.agent()
	p := w.pod("web", "10.77.1.2", "demo")
	w.api.assign(p, demo, "Assigned")
	p.wantToken("", "demo")

	w.eventually("an answer within the library's second", func() bool { // which a busy machine may let pass now and then
		credential, err := azidentity.NewDefaultAzureCredential(&azidentity.DefaultAzureCredentialOptions{
			ClientOptions: azcore.ClientOptions{Transport: client(p.namespace, nil)},
		})
		if err != nil {
			t.Fatal(err)
		}
		token, err := credential.GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{"https://default-" + w.nonce() + ".example/.default"}})
		if got := tokenOf(token.Token); err == nil && got != "demo" {
			t.Errorf("token of %q, want one of demo", got)
		}
		return err == nil
	})
}

// nonce is another word in each test: the libraries' cache is that of the process.
func (w *world) nonce() string { return strings.ToLower(filepath.Base(filepath.Dir(w.folder))) }

// tokenOf gives the name of the identity that a token is for.
func tokenOf(token string) string {
	if token == "" {
		return ""
	}
	return whose(`{"access_token":"` + token + `"}`)
}

func containsAny(text, alternatives string) bool {
	for one := range strings.SplitSeq(alternatives, "|") {
		if strings.Contains(text, one) {
			return true
		}
	}
	return false
}
