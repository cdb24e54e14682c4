package serve_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lanyard-project/lanyard/internal/node/pods"
)

// TestEachDecisionIsRecorded: who asked, for what, what became of it, and why.
func TestEachDecisionIsRecorded(t *testing.T) {
	const asked = `,"msg":"request","address":"10.0.0.5","interface":7`
	const caller = asked + `,"namespace":"my-app","pod":"web","uid":"u"`
	for _, test := range []struct {
		name    string
		path    string
		arrange func(*rig)
		want    string // but for the times
	}{
		{"granted", target, nil, `{"level":"INFO"` + caller + `,"result":"token","status":200,"route":"token",
			"serviceAccount":"default","resource":"https://management.azure.com/","identity":"C1"}`},
		{"refused", target + "&client_id=c2", nil, `{"level":"INFO"` + caller + `,"result":"not_entitled","status":400,"route":"token",
			"serviceAccount":"default","resource":"https://management.azure.com/","client_id":"c2",
			"reason":"the requested identity is not assigned to pod my-app/web"}`},
		{"the node's identity", target, func(r *rig) { r.fact.ServiceAccount = "mic" },
			`{"level":"WARN"` + caller + `,"result":"node_token","status":200,"route":"token",
			"serviceAccount":"mic","resource":"https://management.azure.com/","identity":"C1","reason":"service account my-app/mic may use the node's identities"}`},
		{"nobody", target, func(r *rig) { r.sandbox = pods.Sandbox{} }, `{"level":"INFO"` + asked + `,"result":"unproven","status":403,"route":"none",
			"reason":"the caller is not a pod that this agent can prove"}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			var audit bytes.Buffer
			r := newRig(t, &audit)
			if test.arrange != nil {
				test.arrange(r)
			}
			r.ask(test.path)
			var got, want map[string]any
			if err := json.Unmarshal(audit.Bytes(), &got); err != nil {
				t.Fatalf("%v: %s", err, &audit)
			}
			if err := json.Unmarshal([]byte(test.want), &want); err != nil {
				t.Fatal(err)
			}
			delete(got, "time")
			delete(got, "took")
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
