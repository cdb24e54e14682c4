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
	if into != nil {
		if err := json.Unmarshal(answer, into); err != nil {
			t.Fatalf("%s %s: %d %s", method, path, response.StatusCode, answer)
		}
	}
	return response.StatusCode
}

// servicePrincipal makes an application with a secret, which can do nothing.
func servicePrincipal(t *testing.T) (objectID string, credential azcore.TokenCredential) {
	t.Helper()
	var app, principal struct{ ID, AppID string }
	var password struct{ SecretText string }
	for _, step := range []struct {
		path string
		body map[string]any
		into any
	}{
		{"/applications", map[string]any{"displayName": "conformance-" + uuid.NewString()[:8]}, &app},
		{"/servicePrincipals", map[string]any{}, &principal},
		{"", map[string]any{"passwordCredential": map[string]any{"displayName": "conformance"}}, &password},
	} {
		if step.path == "/servicePrincipals" {
			step.body["appId"] = app.AppID
		}
		if step.path == "" {
			step.path = "/applications/" + app.ID + "/addPassword"
		}
		if status := graph(t, http.MethodPost, step.path, step.body, step.into); status >= 300 {
			t.Fatalf("POST %s: HTTP %d", step.path, status)
		}
	}
	credential, err := secretCredential(app.AppID, password.SecretText)
	if err != nil {
		t.Fatal(err)
	}
	return principal.ID, credential
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
