package providers_test

import (
	"bytes"
	"testing"

	"github.com/lanyard-project/lanyard/internal/store"
)

// A deployment lives in the store for as long as what it makes takes: what its
// caller calls secure must not lie there to be read.
func TestSecureParameterIsSealedWhileTheDeploymentRuns(t *testing.T) {
	f := newCloud(t)
	template := `{` + schema + `,
		"parameters": {"open": {"type": "string"}, "password": {"type": "securestring"}, "many": {"type": "secureObject"}},
		"resources": [{
			"type": "Microsoft.ManagedIdentity/userAssignedIdentities", "apiVersion": "2023-01-31", "name": "id-sealed", "location": "eastus",
			"tags": {"length": "[string(length(parameters('password')))]", "open": "[parameters('open')]", "number": "[string(parameters('many').number)]"}
		}]
	}`
	body := deployment("Incremental", template, `{"open":{"value":"plain-value"},"password":{"value":"Tr0ub4dor"},"many":{"value":{"number":12345678901234567}}}`)
	if status, answer := f.call(ownerID, "PUT", deploymentsAt+"sealed"+deployVer, body); status != 201 {
		t.Fatalf("status %d: %v", status, answer)
	}
	if found := f.stored("Tr0ub4dor") + f.stored("12345678901234567"); found != 0 {
		t.Errorf("%d items of the store hold a secure parameter", found)
	}
	if f.stored("plain-value") == 0 {
		t.Error("the search finds nothing at all")
	}
	f.worker() // it starts only now: it has the values from the store
	if got := f.ended(deploymentsAt + "sealed"); got["properties"].(map[string]any)["provisioningState"] != "Succeeded" {
		t.Fatalf("%v", got)
	}
	made := f.must(200, "GET", subPath+"/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id-sealed?api-version=2023-01-31", "")
	if tags := made["tags"].(map[string]any); tags["length"] != "9" || tags["open"] != "plain-value" || tags["number"] != "12345678901234567" {
		t.Errorf("made with %v", tags)
	}
}

// stored counts the items that hold the text.
func (f *fixture) stored(text string) (found int) {
	f.Helper()
	page, err := f.store.List(f.Context(), "/lanyard/", store.ListOptions{})
	if err != nil {
		f.Fatal(err)
	}
	for _, item := range page.Items {
		if bytes.Contains(item.Value, []byte(text)) {
			found++
		}
	}
	return found
}
