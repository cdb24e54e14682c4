package v1_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	aadpodid "github.com/lanyard-project/lanyard/api/v1"
)

// TestPeerObjectsSurviveARoundTrip decodes objects as aad-pod-identity 1.8 and
// its users wrote them, strictly, and encodes them again: every field must come
// back under the same name, or a tool that reads it breaks.
func TestPeerObjectsSurviveARoundTrip(t *testing.T) {
	tests := []struct {
		name string
		into any
		yaml string
	}{
		{"identity of type 0", &aadpodid.AzureIdentity{}, `
apiVersion: aadpodidentity.k8s.io/v1
kind: AzureIdentity
metadata:
  name: web
  namespace: my-app
  annotations: {aadpodidentity.k8s.io/Behavior: namespaced}
spec:
  metadata: {name: x}
  resourceID: /subscriptions/s/resourcegroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/web
  clientID: 00000000-0000-0000-0000-000000000001
  clientPassword: {}
status:
  metadata: {name: x}
  availableReplicas: 1
`},
		{"identity of type 1", &aadpodid.AzureIdentity{}, `
apiVersion: aadpodidentity.k8s.io/v1
kind: AzureIdentity
metadata: {name: sp, namespace: my-app}
spec:
  type: 1
  tenantID: t
  auxiliaryTenantIDs: [a, b]
  clientID: c
  clientPassword: {name: secret, namespace: my-app}
  adResourceID: r
  adEndpoint: https://login.example/
  replicas: 2
status: {}
`},
		{"binding", &aadpodid.AzureIdentityBinding{}, `
apiVersion: aadpodidentity.k8s.io/v1
kind: AzureIdentityBinding
metadata: {name: web-binding, namespace: my-app}
spec: {azureIdentity: web, selector: web, weight: 3}
status: {availableReplicas: 1}
`},
		{"assigned identity", &aadpodid.AzureAssignedIdentity{}, `
apiVersion: aadpodidentity.k8s.io/v1
kind: AzureAssignedIdentity
metadata:
  name: demo-my-app-web
  namespace: default
  labels: {nodename: node-1}
  finalizers: [azureassignedidentity.finalizers.aadpodidentity.k8s.io]
spec:
  azureIdentityRef:
    apiVersion: aadpodidentity.k8s.io/v1
    kind: AzureIdentity
    metadata: {name: web, namespace: my-app}
    spec: {clientID: c, clientPassword: {}}
    status: {}
  azureBindingRef:
    apiVersion: aadpodidentity.k8s.io/v1
    kind: AzureIdentityBinding
    metadata: {name: web-binding, namespace: my-app}
    spec: {azureIdentity: web, selector: web}
    status: {}
  pod: demo
  podNamespace: my-app
  nodename: node-1
  replicas: 1
status: {status: Assigned, availableReplicas: 1}
`},
		{"exception", &aadpodid.AzurePodIdentityException{}, `
apiVersion: aadpodidentity.k8s.io/v1
kind: AzurePodIdentityException
metadata: {name: mic-exception, namespace: default}
spec: {podLabels: {app: mic}}
status: {status: x}
`},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			want, err := yaml.YAMLToJSON([]byte(tc.yaml))
			if err != nil {
				t.Fatal(err)
			}
			dec := json.NewDecoder(bytes.NewReader(want))
			dec.DisallowUnknownFields()
			if err := dec.Decode(tc.into); err != nil {
				t.Fatalf("decoding strictly: %v", err)
			}
			got, err := json.Marshal(tc.into)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(canonical(t, want), canonical(t, got)); diff != "" {
				t.Errorf("round trip (-wrote +got):\n%s", diff)
			}
		})
	}
}

func canonical(t *testing.T, doc []byte) any {
	t.Helper()
	var v any
	if err := json.Unmarshal(doc, &v); err != nil {
		t.Fatal(err)
	}
	return v
}
