package cluster_test

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	aadpodid "github.com/lanyard-project/lanyard/api/v1"
	"github.com/lanyard-project/lanyard/internal/brokerapi"
	"github.com/lanyard-project/lanyard/internal/cluster"
	"github.com/lanyard-project/lanyard/internal/imds"
	"github.com/lanyard-project/lanyard/internal/node/source"
)

// brokered is a lab with a broker, a token service, and agents.
type brokered struct {
	*lab
	service *tokenService
	nodes   [2]string
}

func newBrokered(t *testing.T, alone bool) *brokered {
	t.Helper()
	b := &brokered{lab: newLab(t), service: newTokenService(t)}
	for i, name := range []string{"a", "b"} {
		b.nodes[i], _ = b.scaleSet(name, 0)
	}
	b.replica("mic-1", alone)
	return b
}

// replica starts a mic with a broker, and gives what stops it.
func (b *brokered) replica(name string, alone bool) (stop func()) {
	b.t.Helper()
	return b.mic(func(o *cluster.Options) {
		o.ForceNamespaced = alone
		o.Broker = cluster.Broker{
			Alone: alone, Address: "127.0.0.1:0", Pod: name, Agent: "kube-system/lanyard-nmi",
			ConfigMap: types.NamespacedName{Namespace: "kube-system", Name: "lanyard-broker"},
			Cloud:     cloud.Configuration{ActiveDirectoryAuthorityHost: b.service.URL + "/"}, TenantID: "tenant",
			Transport: b.service.Client(),
		}
	})
}

// mint makes a service account token by the API server, as kubelet does for a pod.
func (b *brokered) mint(account, audience string, pod *corev1.Pod) string {
	b.t.Helper()
	sa := &corev1.ServiceAccount{ObjectMeta: namedIn(pod.Namespace, account)}
	if err := b.kube.Create(b.t.Context(), sa); err != nil && !apierrors.IsAlreadyExists(err) {
		b.t.Fatal(err)
	}
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{
		Audiences: []string{audience}, BoundObjectRef: &authenticationv1.BoundObjectReference{Kind: "Pod", APIVersion: "v1", Name: pod.Name, UID: pod.UID},
	}}
	if err := b.kube.SubResource("token").Create(b.t.Context(), sa, request); err != nil {
		b.t.Fatalf("minting a token: %v", err)
	}
	return request.Status.Token
}

// agent is the real client, with a token for an account on a node.
func (b *brokered) agent(node, account, audience string) *source.Broker {
	b.t.Helper()
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", GenerateName: "agent-"}, Spec: corev1.PodSpec{
		NodeName: node, ServiceAccountName: account, AutomountServiceAccountToken: ptr.To(false), Containers: []corev1.Container{{Name: "c", Image: "i"}},
	}}
	b.create(pod)
	file := filepath.Join(b.t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(b.mint(account, audience, pod)), 0o600); err != nil {
		b.t.Fatal(err)
	}
	return source.NewBroker(func(ctx context.Context) (map[string]string, error) {
		var announced corev1.ConfigMap
		err := b.kube.Get(ctx, types.NamespacedName{Namespace: "kube-system", Name: "lanyard-broker"}, &announced)
		return announced.Data, err
	}, file, clock.RealClock{})
}

// worker is a pod of a service account.
func (b *brokered) worker(namespace, name, account, label, node string) *corev1.Pod {
	b.t.Helper()
	pod := &corev1.Pod{
		ObjectMeta: namedIn(namespace, name),
		Spec: corev1.PodSpec{
			NodeName: node, ServiceAccountName: account, AutomountServiceAccountToken: ptr.To(false),
			Containers: []corev1.Container{{Name: "c", Image: "i"}},
		},
	}
	pod.Labels = map[string]string{aadpodid.PodLabel: label}
	if err := b.kube.Create(b.t.Context(), &corev1.ServiceAccount{ObjectMeta: namedIn(namespace, account)}); err != nil && !apierrors.IsAlreadyExists(err) {
		b.t.Fatal(err)
	}
	b.create(pod)
	return pod
}

func (b *brokered) identify(namespace, name string, spec aadpodid.AzureIdentitySpec) {
	b.t.Helper()
	b.create(&aadpodid.AzureIdentity{ObjectMeta: namedIn(namespace, name), Spec: spec})
	b.create(&aadpodid.AzureIdentityBinding{ObjectMeta: namedIn(namespace, name), Spec: aadpodid.AzureIdentityBindingSpec{AzureIdentity: name, Selector: name}})
}

func of(pod *corev1.Pod, identity string) brokerapi.Request {
	return brokerapi.Request{
		PodNamespace: pod.Namespace, PodName: pod.Name, PodUID: string(pod.UID),
		IdentityNamespace: pod.Namespace, IdentityName: identity, Resource: "https://vault.azure.net",
	}
}

// want asks until the answer isn't that somebody is too new.
func (b *brokered) want(agent *source.Broker, request brokerapi.Request, token, refusal string) {
	b.t.Helper()
	b.until(func() string {
		got, err := agent.Token(b.t.Context(), request)
		switch {
		case refusal == "" && err == nil && got.Access.Reveal() == token:
			return ""
		case refusal != "" && err != nil && strings.Contains(err.Error(), refusal):
			return ""
		}
		return "token " + got.Access.Reveal() + ", error " + errorText(err) + "; want " + token + refusal
	})
}

func errorText(err error) string {
	if err == nil {
		return "none"
	}
	return err.Error()
}

func TestBrokerSignsInAsServicePrincipals(t *testing.T) {
	b := newBrokered(t, false)
	b.service.secrets["app-1"] = "s3cret"
	secret := &corev1.Secret{ObjectMeta: namedIn("default", "sp-"+b.ns), Data: map[string][]byte{"clientSecret": []byte("s3cret\n")}}
	b.create(secret)
	t.Cleanup(func() { _ = b.kube.Delete(context.WithoutCancel(t.Context()), secret) })
	spec := aadpodid.AzureIdentitySpec{Type: aadpodid.ServicePrincipal, ClientID: "app-1", ClientPassword: corev1.SecretReference{Name: secret.Name}}
	b.identify("default", "sp", spec)
	elsewhere := spec
	elsewhere.ADEndpoint = "https://evil.example"
	b.identify("default", "exfiltrate", elsewhere)
	b.identify(b.ns, "unread", spec)
	foreign := spec
	foreign.ClientPassword.Namespace = "default"
	b.identify(b.ns, "foreign", foreign)

	agent := b.agent(b.nodes[0], "lanyard-nmi", brokerapi.Audience)
	pod := b.worker("default", "web-"+b.ns, "web", "sp", b.nodes[0])
	b.want(agent, of(pod, "sp"), "token-of-app-1", "")
	if last := b.service.asked[len(b.service.asked)-1]; !strings.HasPrefix(last, "app-1 https://vault.azure.net/.default") {
		t.Errorf("the token service was asked for %q", last)
	}
	b.want(agent, of(b.worker(b.ns, "unread", "web", "unread", b.nodes[0]), "unread"), "", "mic may not read secrets of namespace "+b.ns)
	b.want(agent, of(b.worker(b.ns, "foreign", "web", "foreign", b.nodes[0]), "foreign"), "", "has to be in the AzureIdentity's own namespace")
	b.want(agent, of(b.worker("default", "thief-"+b.ns, "web", "exfiltrate", b.nodes[0]), "exfiltrate"), "", "is not a token service that mic may use")
	b.service.mu.Lock()
	b.service.secrets["app-1"] = "rotated"
	b.service.mu.Unlock()
	b.want(agent, of(pod, "sp"), "", "AADSTS7000215: Invalid client secret provided.")
	change(b.lab, secret, func(s *corev1.Secret) { s.Data = map[string][]byte{"any": []byte("rotated")} })
	b.want(agent, of(pod, "sp"), "token-of-app-1", "")
	change(b.lab, secret, func(s *corev1.Secret) { s.Data["second"] = []byte("x") }) // the predecessor took any
	b.want(agent, of(pod, "sp"), "", "none is clientSecret")
}

func TestBrokerExchangesThePodsOwnToken(t *testing.T) {
	for name, alone := range map[string]bool{"standard": false, "managed": true} {
		t.Run(name, func(t *testing.T) {
			b := newBrokered(t, alone)
			b.service.subjects["app-3"] = "system:serviceaccount:" + b.ns + ":web"
			b.identify(b.ns, "wi", aadpodid.AzureIdentitySpec{Type: aadpodid.WorkloadIdentity, ClientID: "app-3"})
			agent := b.agent(b.nodes[0], "lanyard-nmi", brokerapi.Audience)
			pod := b.worker(b.ns, "web", "web", "wi", b.nodes[0])
			if !alone {
				b.await("default/web-" + b.ns + "-wi=Assigned") // nothing to wait for in Azure
			}
			b.want(agent, of(pod, "wi"), "token-of-app-3", "")
			stranger := b.worker(b.ns, "other", "other", "wi", b.nodes[0])
			b.want(agent, of(stranger, "wi"), "", "AADSTS70021: No matching federated identity record found for presented assertion. Subject 'system:serviceaccount:"+b.ns+":other'.")

			// what was minted is for the exchange and dies with the pod
			b.delete(pod)
			b.until(func() string {
				review := &authenticationv1.TokenReview{Spec: authenticationv1.TokenReviewSpec{Token: b.service.seen[0], Audiences: []string{"api://AzureADTokenExchange"}}}
				if err := b.kube.Create(t.Context(), review); err != nil || review.Status.Authenticated {
					return "the minted token still counts: " + errorText(err)
				}
				return ""
			})
			b.want(agent, of(pod, "wi"), "", "mic has not heard of the pod yet")
		})
	}
}

// Property 23: an agent gets nothing for pods of other nodes.
func TestBrokerTrustsTheNodeInTheTokenOnly(t *testing.T) {
	b := newBrokered(t, false)
	b.service.subjects["app-3"] = "system:serviceaccount:" + b.ns + ":web"
	b.identify(b.ns, "wi", aadpodid.AzureIdentitySpec{Type: aadpodid.WorkloadIdentity, ClientID: "app-3"})
	b.identify(b.ns, "notmine", aadpodid.AzureIdentitySpec{Type: aadpodid.WorkloadIdentity, ClientID: "app-3"})
	pod := b.worker(b.ns, "web", "web", "wi", b.nodes[0])
	b.want(b.agent(b.nodes[0], "lanyard-nmi", brokerapi.Audience), of(pod, "wi"), "token-of-app-3", "")
	asked := len(b.service.asked)

	b.want(b.agent(b.nodes[1], "lanyard-nmi", brokerapi.Audience), of(pod, "wi"), "", "not bound to the pod")
	b.want(b.agent(b.nodes[0], "default", brokerapi.Audience), of(pod, "wi"), "", "not a node agent")
	b.want(b.agent(b.nodes[0], "lanyard-nmi", "https://kubernetes.default.svc"), of(pod, "wi"), "", "not a node agent")
	own := b.agent(b.nodes[0], "lanyard-nmi", brokerapi.Audience)
	b.want(own, of(pod, "notmine"), "", "not bound to the pod")
	dead := of(pod, "wi")
	dead.PodUID = "another-life"
	b.want(own, dead, "", "has not heard of the pod")
	if len(b.service.asked) != asked {
		t.Errorf("the token service was asked for callers that are refused: %v", b.service.asked[asked:])
	}
}

// RBAC gives mic the right to mint tokens; the chart's admission policy says which.
func TestMicCanMintForTheExchangeOnly(t *testing.T) {
	b := newBrokered(t, false)
	pod := b.worker(b.ns, "web", "web", "x", b.nodes[0])
	mic, err := client.New(micAPI, client.Options{Scheme: b.kube.Scheme()})
	if err != nil {
		t.Fatal(err)
	}
	bound := &authenticationv1.BoundObjectReference{Kind: "Pod", APIVersion: "v1", Name: pod.Name, UID: pod.UID}
	for name, test := range map[string]struct {
		spec authenticationv1.TokenRequestSpec
		ok   bool
	}{
		"for the exchange":      {authenticationv1.TokenRequestSpec{Audiences: []string{"api://AzureADTokenExchange"}, BoundObjectRef: bound, ExpirationSeconds: ptr.To(int64(600))}, true},
		"for the API server":    {authenticationv1.TokenRequestSpec{Audiences: []string{"https://kubernetes.default.svc"}, BoundObjectRef: bound, ExpirationSeconds: ptr.To(int64(600))}, false},
		"for whoever":           {authenticationv1.TokenRequestSpec{BoundObjectRef: bound, ExpirationSeconds: ptr.To(int64(600))}, false},
		"that outlives the pod": {authenticationv1.TokenRequestSpec{Audiences: []string{"api://AzureADTokenExchange"}, ExpirationSeconds: ptr.To(int64(600))}, false},
		"for a day":             {authenticationv1.TokenRequestSpec{Audiences: []string{"api://AzureADTokenExchange"}, BoundObjectRef: bound, ExpirationSeconds: ptr.To(int64(86400))}, false},
	} {
		b.until(func() string { // the API server takes a moment to know the policy
			err := mic.SubResource("token").Create(t.Context(), &corev1.ServiceAccount{ObjectMeta: namedIn(b.ns, "web")}, &authenticationv1.TokenRequest{Spec: test.spec})
			if test.ok != (err == nil) || err != nil && !apierrors.IsInvalid(err) && !apierrors.IsForbidden(err) {
				return "a token " + name + ": " + errorText(err)
			}
			return ""
		})
	}
}

func TestAgentFindsAnotherBroker(t *testing.T) {
	dead, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = dead.Close()
	b := newBrokered(t, false)
	// a replica that died without a word, and one that somebody without its key plays
	change(b.lab, &corev1.ConfigMap{ObjectMeta: namedIn("kube-system", "lanyard-broker")}, func(c *corev1.ConfigMap) {
		if c.Data == nil {
			c.Data = map[string]string{}
		}
		c.Data["mic-dead"] = `{"address":"` + dead.Addr().String() + `","certificate":"-"}`
	})
	b.service.subjects["app-3"] = "system:serviceaccount:" + b.ns + ":web"
	b.identify(b.ns, "wi", aadpodid.AzureIdentitySpec{Type: aadpodid.WorkloadIdentity, ClientID: "app-3"})
	b.want(b.agent(b.nodes[0], "lanyard-nmi", brokerapi.Audience), of(b.worker(b.ns, "web", "web", "wi", b.nodes[0]), "wi"), "token-of-app-3", "")

	nobody := source.NewBroker(func(context.Context) (map[string]string, error) { return nil, nil }, filepath.Join(t.TempDir(), "none"), clock.RealClock{})
	var answer *imds.Error
	if _, err := nobody.Token(t.Context(), brokerapi.Request{}); err == nil || errors.As(err, &answer) && answer.Status != 503 {
		t.Errorf("without a broker: %v", err)
	}
}
