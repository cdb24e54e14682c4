package lab_test

import (
	"strings"
	"testing"
)

// except makes an AzurePodIdentityException in the pods' namespace.
func (a *fakeAPI) except(name string, labels map[string]string) {
	a.put(exceptionsPath, "my-app/"+name, map[string]any{
		"metadata": map[string]any{"name": name, "namespace": "my-app", "uid": "uid-e-" + name},
		"spec":     map[string]any{"podLabels": labels},
	})
}

func TestExceptedPodReachesTheNodesIdentities(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"standard", "managed"} {
		t.Run(mode, func(t *testing.T) {
			w := newWorld(t)
			w.metadata.attach(other)
			agent := w.agent("--operation-mode="+mode, "--exception-namespace=my-app")
			w.api.except("addon-exception", map[string]string{"app": "ADDON"})
			addon := w.pod("addon", "10.77.1.2", "")
			bystander := w.pod("web", "10.77.1.3", "")

			addon.wantToken("", "the-node")
			addon.wantToken("&client_id="+other.clientID, "other")
			// the predecessor dropped the resource ID and gave the node's own identity
			addon.wantToken("&mi_res_id="+other.resourceID(), "other")
			addon.wantRefusal("&client_id="+demo.clientID, 400, "Identity not found")
			bystander.wantRefusal("&client_id="+other.clientID, 400, "Identity not found")

			w.api.remove(exceptionsPath, "my-app/addon-exception")
			w.eventually("the exception ends", func() bool {
				status, _, err := fetch(addon.namespace, nil, tokenURL)
				return err == nil && status == 400
			})
			w.eventually("each use is in the audit log", func() bool {
				return strings.Count(agent.output.String(), `"reason":"AzurePodIdentityException my-app/addon-exception"`) >= 3
			})
		})
	}
}

// In the predecessor whoever labelled pods in a namespace with an exception had the node's identities.
func TestExceptionWherePodsOwnersLabelFreelyDoesNotCount(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.agent() // kube-system alone
	w.api.except("mine", map[string]string{"app": "web"})
	p := w.pod("web", "10.77.1.2", "")
	p.wantRefusal("", 400, "falls under AzurePodIdentityException mine, but exceptions of its namespace or service account don't count")

	limited := newWorld(t)
	limited.agent("--exception-namespace=*", "--exception-service-account=my-app/csi")
	limited.api.except("drivers", map[string]string{"app": "web"})
	limited.pod("web", "10.77.1.2", "").wantRefusal("", 400, "don't count")
}
