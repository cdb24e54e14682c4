package groups

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lanyard-project/lanyard/internal/cli/command"
	"github.com/lanyard-project/lanyard/internal/cli/login"
)

// azurePublic answers as Azure's public endpoints do, and notes what was asked where. What
// isn't one of them is refused: nothing may assume another cloud.
type azurePublic struct {
	t     *testing.T
	asked []string
}

const (
	someTenant       = "11111111-1111-1111-1111-111111111111"
	someSubscription = "22222222-2222-2222-2222-222222222222"
	someApp          = "33333333-3333-3333-3333-333333333333"
	somePrincipal    = "44444444-4444-4444-4444-444444444444"
)

func (a *azurePublic) RoundTrip(r *http.Request) (*http.Response, error) {
	note := r.Method + " " + r.URL.Host + r.URL.Path
	body := ""
	if r.Body != nil {
		data, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		body = string(data)
	}
	const arm, graph = "management.azure.com", "graph.microsoft.com"
	answer, status := "", http.StatusOK
	switch {
	case r.URL.Host == "login.microsoftonline.com" && strings.HasSuffix(r.URL.Path, "/discovery/instance"):
		answer = `{"tenant_discovery_endpoint":"https://login.microsoftonline.com/` + someTenant + `/v2.0/.well-known/openid-configuration","metadata":[{"preferred_network":"login.microsoftonline.com","preferred_cache":"login.windows.net","aliases":["login.microsoftonline.com","login.windows.net"]}]}`
	case r.URL.Host == "login.microsoftonline.com" && strings.HasSuffix(r.URL.Path, "/openid-configuration"):
		at := "https://login.microsoftonline.com/" + someTenant
		answer = `{"token_endpoint":"` + at + `/oauth2/v2.0/token","authorization_endpoint":"` + at + `/oauth2/v2.0/authorize","issuer":"` + at + `/v2.0"}`
	case r.URL.Host == "login.microsoftonline.com" && strings.HasSuffix(r.URL.Path, "/oauth2/v2.0/token"):
		form, err := url.ParseQuery(body)
		if err != nil {
			return nil, err
		}
		scope, _, _ := strings.Cut(form.Get("scope"), " ")
		note += " " + form.Get("grant_type") + " " + scope
		answer = `{"token_type":"Bearer","expires_in":3599,"ext_expires_in":3599,"access_token":"a.token.` + r.URL.Host + `"}`
	case r.URL.Host == arm && r.URL.Path == "/subscriptions":
		answer = `{"value":[{"id":"/subscriptions/` + someSubscription + `","subscriptionId":"` + someSubscription + `","displayName":"Mine","state":"Enabled","tenantId":"` + someTenant + `"}]}`
	case r.URL.Host == arm && r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/roleDefinitions"):
		answer = `{"value":[{"id":"/subscriptions/` + someSubscription + `/providers/Microsoft.Authorization/roleDefinitions/r","name":"r","properties":{"roleName":"Reader"}}]}`
	case r.URL.Host == arm && r.Method == http.MethodPut:
		status, answer = http.StatusCreated, `{"id":"x","name":"n","type":"t","properties":{}}`
	case r.URL.Host == arm:
		answer = `{"id":"/subscriptions/` + someSubscription + `/resourceGroups/g","name":"g","location":"eastus","properties":{"provisioningState":"Succeeded"}}`
	case r.URL.Host == graph:
		answer = `{"value":[{"id":"` + somePrincipal + `","appId":"` + someApp + `","displayName":"app"}]}`
	default:
		a.t.Errorf("somebody else is asked: %s", note)
		return nil, fmt.Errorf("no such host: %s", r.URL.Host)
	}
	a.asked = append(a.asked, note)
	return &http.Response{StatusCode: status, Status: fmt.Sprint(status), Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(answer)), Request: r}, nil
}

// TestAzureItself holds what the program asks of Azure's public cloud, which is what it
// uses when nobody chose another: the endpoints, the audiences of tokens, nothing of ours.
func TestAzureItself(t *testing.T) {
	azure := &azurePublic{t: t}
	folder := login.Folder{Path: t.TempDir()}
	run := func(line string) (int, string, string) {
		var out, complaints strings.Builder
		p := &command.Program{
			Name: "lanyard", Version: "v1.0.0", Table: Table(), In: strings.NewReader(""), Out: &out, Err: &complaints,
			Getenv: func(string) string { return "" }, Folder: folder, Network: azure,
		}
		return p.Run(t.Context(), strings.Fields(line)), out.String(), complaints.String()
	}
	const arm = "management.azure.com/subscriptions/" + someSubscription
	const armToken = "POST login.microsoftonline.com/" + someTenant + "/oauth2/v2.0/token client_credentials https://management.core.windows.net//.default"
	for _, step := range []struct {
		line, out string
		asked     []string
	}{
		{"cloud show --query name -o tsv", "AzureCloud\n", nil},
		{"login --service-principal -u " + someApp + " -p s3cret --tenant " + someTenant + " --query [].cloudName -o tsv", "AzureCloud\n",
			[]string{armToken, "GET management.azure.com/subscriptions"}},
		{"group show -n g --query location -o tsv", "eastus\n", []string{"GET " + arm + "/resourcegroups/g"}},
		{"role assignment create --assignee " + someApp + " --role Reader -g g --query name -o tsv", "n\n", []string{
			"POST login.microsoftonline.com/" + someTenant + "/oauth2/v2.0/token client_credentials https://graph.microsoft.com/.default",
			"GET graph.microsoft.com/v1.0/servicePrincipals",
			"GET " + arm + "/resourcegroups/g/providers/microsoft.authorization/roledefinitions",
			"PUT " + arm + "/resourcegroups/g/providers/microsoft.authorization/roleassignments/",
		}},
		{"account get-access-token --resource https://vault.azure.net --query tokenType -o tsv", "Bearer\n",
			[]string{"POST login.microsoftonline.com/" + someTenant + "/oauth2/v2.0/token client_credentials https://vault.azure.net/.default"}},
	} {
		azure.asked = nil
		status, out, complaints := run(step.line)
		if status != 0 || out != step.out {
			t.Errorf("%s: status %d, printed %q: %s", step.line, status, out, complaints)
		}
		var asked []string
		for _, a := range azure.asked {
			if strings.Contains(a, "/discovery/") || strings.Contains(a, ".well-known") {
				continue // MSAL's own, before the first token
			}
			if at := strings.Index(strings.ToLower(a), "/roleassignments/"); at >= 0 {
				a = a[:at+len("/roleassignments/")] // a new GUID each time
			}
			if strings.HasPrefix(a, "GET management") || strings.HasPrefix(a, "PUT management") {
				method, path, _ := strings.Cut(a, " ")
				a = method + " " + strings.ToLower(path)
			}
			asked = append(asked, a)
		}
		if diff := cmp.Diff(step.asked, asked); diff != "" {
			t.Errorf("%s (-want +got):\n%s", step.line, diff)
		}
	}
}
