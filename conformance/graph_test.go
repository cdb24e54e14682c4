package conformance

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/google/uuid"
)

// graph calls Microsoft Graph as its SDK does, which is a generated wrapper of the size of all others together.
func graph(t *testing.T, method, path string, body, into any) int {
	t.Helper()
	token := must[azcore.AccessToken](t, "asking for a token for Graph")(cloud.credential.GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{"https://graph.microsoft.com/.default"}}))
	payload, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	if body == nil {
		payload = nil
	}
	request := must[*http.Request](t, "making a request")(http.NewRequestWithContext(t.Context(), method, cloud.Origin+"/v1.0"+path, bytes.NewReader(payload)))
	request.Header.Set("Authorization", "Bearer "+token.Token)
	request.Header.Set("Content-Type", "application/json")
	response := must[*http.Response](t, "calling Graph")(cloud.http.Do(request))
	defer response.Body.Close()
	answer := must[[]byte](t, "reading the answer")(io.ReadAll(response.Body))
	if into != nil && len(answer) > 0 {
		if err := json.Unmarshal(answer, into); err != nil {
			t.Fatalf("%s %s: %d %s", method, path, response.StatusCode, answer)
		}
	}
	return response.StatusCode
}

// application is one that Graph made, with its service principal, which can do nothing.
type application struct{ id, appID, principal string }

func newApplication(t *testing.T) application {
	t.Helper()
	var app, principal struct{ ID, AppID string }
	created(t, "/applications", map[string]any{"displayName": "conformance-" + uuid.NewString()[:8]}, &app)
	created(t, "/servicePrincipals", map[string]any{"appId": app.AppID}, &principal)
	return application{id: app.ID, appID: app.AppID, principal: principal.ID}
}

// created posts to Graph and reads what was made.
func created(t *testing.T, path string, body, into any) {
	t.Helper()
	if status := graph(t, http.MethodPost, path, body, into); status >= 300 {
		t.Fatalf("POST %s: HTTP %d", path, status)
	}
}

// servicePrincipal makes an application with a secret.
func servicePrincipal(t *testing.T) (objectID string, credential azcore.TokenCredential) {
	t.Helper()
	app := newApplication(t)
	var password struct{ SecretText string }
	created(t, "/applications/"+app.id+"/addPassword", map[string]any{"passwordCredential": map[string]any{"displayName": "conformance"}}, &password)
	credential, err := secretCredential(app.appID, password.SecretText)
	if err != nil {
		t.Fatal(err)
	}
	return app.principal, credential
}

func TestGraph(t *testing.T) {
	object, _ := servicePrincipal(t)
	var principal struct{ AppID, DisplayName string }
	if status := graph(t, http.MethodGet, "/servicePrincipals/"+object, nil, &principal); status != 200 || principal.AppID == "" {
		t.Errorf("HTTP %d, %+v", status, principal)
	}
	for _, path := range []string{"/servicePrincipals?$filter=appId%20eq%20'" + principal.AppID + "'", "/applications", "/applications?$filter=appId%20eq%20'" + principal.AppID + "'"} {
		var page struct{ Value []any }
		if status := graph(t, http.MethodGet, path, nil, &page); status != 200 || len(page.Value) == 0 {
			t.Errorf("GET %s: HTTP %d, %d found", path, status, len(page.Value))
		}
	}
	var failure struct{ Error struct{ Code string } }
	if status := graph(t, http.MethodGet, "/servicePrincipals/"+uuid.NewString(), nil, &failure); status != 404 || failure.Error.Code != "Request_ResourceNotFound" {
		t.Errorf("HTTP %d %s", status, failure.Error.Code)
	}
}
