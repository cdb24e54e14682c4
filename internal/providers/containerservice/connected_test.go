package containerservice_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/providers/containerservice"
	"github.com/lanyard-project/lanyard/internal/secret"
)

func connectBody(t testing.TB, more string) string {
	return `{"location":"westus2","identity":{"type":"SystemAssigned"},"properties":{"connectedProfile":{"kubeconfig":"` + wayTo(t, "https://kind.example:6443") + `","podNetwork":"bridge"}` + more + `}}`
}

// A cluster that is run elsewhere is connected by its kubeconfig, even where the cloud runs none itself, and leaves nothing
// behind when it is disconnected.
func TestConnectedCluster(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	empty := w.snapshot()
	w.attach, w.far = true, newFar(t)
	p := w.start()
	defer p.stop()
	c := p.works("demo", connectBody(t, ""))
	if strings.Contains(string(c.Properties), "far-secret") || strings.Contains(string(c.Properties), "kubeconfig") || c.Kind != "Connected" {
		t.Errorf("the document is %s of kind %s", c.Properties, c.Kind)
	}
	for _, part := range []string{`"currentKubernetesVersion":"1.33.1"`, `"server":"https://kind.example:6443"`, `"fqdn":"kind.example"`, `"nodeResourceGroup":"MC_rg_demo_westus2"`} {
		if !strings.Contains(string(c.Properties), part) {
			t.Errorf("%s lacks %s", c.Properties, part)
		}
	}
	if !p.contributes(c.Identity.PrincipalID) {
		t.Error("the cluster's identity has no role on the node resource group")
	}
	config, err := p.credential("listClusterAdminCredential", "")
	if err != nil {
		t.Fatal(err)
	}
	if config.Clusters["demo"].Server != "https://kind.example:6443" || config.AuthInfos["clusterAdmin_rg_demo"].Token != "far-secret" {
		t.Errorf("the kubeconfig is %+v", config)
	}
	issuer := issuerOf(t, c)
	if status, got := p.issuer(strings.TrimPrefix(issuer, "https://localhost:8443") + "openid/v1/jwks"); status != 200 || got != w.far.keys() {
		t.Errorf("its keys: %d %s", status, got)
	}
	if own, known := p.provider.IssuerAlias(t.Context(), issuer); !known || own != "https://kubernetes.default.svc.cluster.local" {
		t.Errorf("tokens behind %s are issued by %q", issuer, own)
	}
	if own, known := p.provider.IssuerAlias(t.Context(), "https://other.example/"); known {
		t.Errorf("another's issuer is %q", own)
	}
	// What the SDKs send back has no connectedProfile, and changes nothing of it.
	c = p.update("demo", `{"location":"westus2","tags":{"a":"b"},"properties":{}}`)
	if c.Kind != "Connected" || !strings.Contains(string(c.Properties), `"podNetwork":"bridge"`) {
		t.Errorf("after an update it is %s of kind %s", c.Properties, c.Kind)
	}
	p.delete(clusterID("demo"))
	p.settle(clusterID("demo"))
	if diff := cmp.Diff(empty, w.snapshot()); diff != "" {
		t.Errorf("left behind (-before +after):\n%s", diff)
	}
}

func TestConnectedIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.attach, w.far = true, newFar(t)
	p := w.start()
	defer p.stop()
	const elsewhere = "OperationNotAllowedOnConnectedCluster"
	profile := func(content string) string {
		return `{"location":"westus2","identity":{"type":"SystemAssigned"},"properties":{"connectedProfile":` + content + `}}`
	}
	for name, test := range map[string]struct{ body, code, text string }{
		"a cluster of the cloud's own":    {simple, "ClustersNotOffered", "--clusters=local"},
		"without a kubeconfig":            {profile(`{}`), "InvalidParameter", "kubeconfig of the cluster is missing"},
		"a kubeconfig that isn't base64":  {profile(`{"kubeconfig":"apiVersion: v1"}`), "InvalidParameter", "base64"},
		"a server that isn't named":       {profile(`{"kubeconfig":"` + wayTo(t, "https://169.254.169.254") + `"}`), "ServerNotConnectable", "--connectable"},
		"another port of one that is":     {profile(`{"kubeconfig":"` + wayTo(t, "https://kind.example:2379") + `"}`), "ServerNotConnectable", "--connectable"},
		"node pools":                      {connectBody(t, `,"agentPoolProfiles":[{"name":"a","count":1}]`), elsewhere, "node pools"},
		"users of Entra":                  {connectBody(t, `,"aadProfile":{"managed":true}`), elsewhere, "aadProfile"},
		"a private API server":            {connectBody(t, `,"apiServerAccessProfile":{"enablePrivateCluster":true}`), elsewhere, "API server"},
		"a network":                       {connectBody(t, `,"networkProfile":{"networkPlugin":"azure"}`), elsewhere, "network"},
		"a kubelet identity":              {connectBody(t, `,"identityProfile":{"kubeletidentity":{"resourceId":"x"}}`), elsewhere, "kubeletidentity"},
		"a network that nmi doesn't know": {strings.Replace(connectBody(t, ""), `"bridge"`, `"vlan"`, 1), "InvalidParameter", "routed nor bridge"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := p.put(clusterID("demo"), test.body)
			if e := rest.AsError(err); err == nil || e.Code != test.code || !strings.Contains(e.Message, test.text) {
				t.Errorf("got %v", err)
			}
		})
	}
	p.works("demo", connectBody(t, ""))
	t.Run("what whoever runs the cluster does", func(t *testing.T) {
		for _, action := range []string{"stop", "start", "rotateClusterCertificates", "rotateServiceAccountSigningKeys", "listClusterMonitoringUserCredential"} {
			if _, err := p.post(clusterID("demo"), action, ``); err == nil || rest.AsError(err).Code != elsewhere {
				t.Errorf("%s: %v", action, err)
			}
		}
		if _, _, err := p.put(clusterID("demo"), `{"location":"westus2","properties":{"kubernetesVersion":"1.34.2"}}`); rest.AsError(err).Code != elsewhere {
			t.Errorf("an upgrade: %v", err)
		}
	})
	t.Run("another cluster behind the same name", func(t *testing.T) {
		w.far.uid = "u2"
		if _, _, err := p.put(clusterID("demo"), connectBody(t, "")); rest.AsError(err).Code != "AnotherConnectedCluster" {
			t.Errorf("got %v", err)
		}
		w.far.uid = "u1"
		real := w.far.signer
		w.far.signer = newFar(t).signer // it says that it is the same one
		if _, _, err := p.put(clusterID("demo"), connectBody(t, "")); rest.AsError(err).Code != "AnotherConnectedCluster" {
			t.Errorf("by its UID alone: %v", err)
		}
		w.far.signer = real
		p.works("demo", connectBody(t, "")) // a new credential of the same one
	})
	t.Run("keys that were changed where it is run", func(t *testing.T) {
		w.far.signer = newFar(t).signer
		p.works("demo", `{"location":"westus2","tags":{},"properties":{}}`)
		p.works("demo", connectBody(t, ""))
	})
	t.Run("one that is away", func(t *testing.T) {
		w.far.away = true
		if _, _, err := p.put(clusterID("other"), connectBody(t, "")); rest.AsError(err).Code != "ConnectedClusterUnreachable" {
			t.Errorf("got %v", err)
		}
		// It can be disconnected all the same.
		p.delete(clusterID("demo"))
		p.settle(clusterID("demo"))
		if p.get(clusterID("demo")) != nil {
			t.Error("it is still there")
		}
	})
}

// Managed pod identity on a connected cluster: nmi asks this cloud, shows its service account's token, and gets tokens of
// exactly the identities that are assigned.
func TestPodIdentityOfConnectedCluster(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.features = map[string]bool{"Microsoft.ContainerService/EnablePodIdentityPreview": true}
	w.attach, w.far = true, newFar(t)
	p := w.start()
	defer p.stop()
	c := p.works("demo", connectBody(t, `,"podIdentityProfile":{"enabled":true}`))
	key := strings.Split(strings.TrimSuffix(issuerOf(t, c), "/"), "/")[5]
	id, principal := p.identity("badge")
	add := `{"location":"westus2","properties":{"podIdentityProfile":{"enabled":true,"userAssignedIdentities":[{"name":"web","namespace":"app","identity":{"resourceId":"` + id + `"}}]}}}`
	if c := p.create("demo", add); c.ProvisioningState != resource.Failed || !strings.Contains(string(c.Properties), "Managed Identity Operator") {
		t.Errorf("without the grant: %s %s", c.ProvisioningState, c.Properties)
	}
	token := secret.New(w.far.signs(t, nodeAgent, "https://localhost:8443/lanyard/connected/"+key))
	node, err := p.provider.ConnectedNode(t.Context(), key, token)
	if err != nil || len(node.Identities) != 0 || node.Name != "kind-worker" {
		t.Errorf("an identity that isn't assigned: %+v, %v", node.Identities, err)
	}
	p.grant("f1a07417-d97a-45cb-824c-7a7467783830", id, c.Identity.PrincipalID) // Managed Identity Operator
	p.works("demo", add)
	node, err = p.provider.ConnectedNode(t.Context(), key, token)
	if err != nil || len(node.Identities) != 1 || node.Identities[0].ObjectID != principal {
		t.Errorf("lent are %+v, %v", node.Identities, err)
	}
	var kinds []string
	for _, o := range w.far.sets["pod-identity"] {
		kinds = append(kinds, o.GetKind()+" "+o.GetNamespace()+"/"+o.GetName())
		if o.GetKind() == "DaemonSet" && o.GetName() == "aks-pod-identity-nmi" {
			raw, err := json.Marshal(o)
			if err != nil || !strings.Contains(string(raw), "--metadata-endpoint=https://localhost:8443/lanyard/connected/"+key) || strings.Contains(string(raw), "azure.json") || !strings.Contains(string(raw), "--pod-network=bridge") {
				t.Errorf("nmi is %s", raw)
			}
		}
	}
	for _, want := range []string{"AzureIdentity app/web", "AzureIdentityBinding app/web-binding", "AzurePodIdentityException kube-system/aks-addon-exception", "ConfigMap kube-system/aks-pod-identity-metadata"} {
		if !strings.Contains(strings.Join(kinds, "\n"), want) {
			t.Errorf("%s isn't in the cluster: %v", want, kinds)
		}
	}
	t.Run("strangers", func(t *testing.T) {
		audience := "https://localhost:8443/lanyard/connected/" + key
		before, unknown := w.far.reviews, newFar(t)
		unknown.signer.KeyID = "k2"
		for name, stranger := range map[string]string{
			"no token at all":   "x",
			"another account":   w.far.signs(t, "system:serviceaccount:default:default", audience),
			"a forged token":    forged(t, nodeAgent, audience),
			"another audience":  w.far.signs(t, nodeAgent, "https://kubernetes.default.svc"),
			"a very long token": strings.Repeat("x", 1<<20),
		} {
			if _, err := p.provider.ConnectedNode(t.Context(), key, secret.New(stranger)); !errors.Is(err, containerservice.ErrNotNode) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if w.far.reviews != before {
			t.Errorf("the cluster was asked about %d tokens that can't be good", w.far.reviews-before)
		}
		for name, err := range map[string]error{
			"an unknown key":  second(p.provider.ConnectedNode(t.Context(), key, secret.New(unknown.signs(t, nodeAgent, audience)))),
			"another cluster": second(p.provider.ConnectedNode(t.Context(), "guessed", token)),
		} {
			if !errors.Is(err, containerservice.ErrNotNode) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
	p.delete(clusterID("demo"))
	p.settle(clusterID("demo"))
	if len(w.far.sets) != 0 {
		t.Errorf("left in the cluster: %v", w.far.sets)
	}
	if _, err := p.provider.ConnectedNode(t.Context(), key, token); !errors.Is(err, containerservice.ErrNotNode) {
		t.Errorf("after the deletion: %v", err)
	}
}

func second[T any](_ T, err error) error { return err }
