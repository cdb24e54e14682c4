package cluster_test

import (
	"bytes"
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	aadpodid "github.com/lanyard-project/lanyard/api/v1"
	"github.com/lanyard-project/lanyard/internal/cluster"
	"github.com/lanyard-project/lanyard/internal/loopback/loopbacktest"
)

// The chart's configuration, asked by URL because this API server's pods have no
// network; everything else, certificates too, is mic's own doing.
func TestWebhookRefusesAndWarns(t *testing.T) {
	l := newLab(t)
	heard := &warnings{}
	config := rest.CopyConfig(api)
	config.WarningHandlerWithContext = heard
	writer, err := client.New(config, client.Options{Scheme: l.kube.Scheme()})
	if err != nil {
		t.Fatal(err)
	}
	port := loopbacktest.Free(t)
	hook := chartWebhook(t, l, "https://"+port+"/validate")
	probes := loopbacktest.Free(t)
	stop := l.mic(func(o *cluster.Options) {
		o.Webhook = cluster.Webhook{Address: port, Configuration: hook, Pod: "mic-1"}
		o.ProbeAddress, o.Metrics = probes, prometheus.NewRegistry()
	})
	l.awaitBody("http://"+probes+"/readyz", "ok")

	foreign := &aadpodid.AzureIdentity{ObjectMeta: namedIn(l.ns, "sp"), Spec: aadpodid.AzureIdentitySpec{Type: 1, ClientID: "c"}}
	foreign.Spec.ClientPassword.Name, foreign.Spec.ClientPassword.Namespace = "s", "kube-system"
	l.until(func() string { // the API server hears of the certificate a moment after mic has written it
		if err := writer.Create(t.Context(), foreign.DeepCopy(), client.DryRunAll); err == nil || !strings.Contains(err.Error(), "own namespace") {
			return "refusal: " + errorText(err)
		}
		return ""
	})
	l.bound(l.ns, "web", "shared")
	l.bound(l.ns, "db", "other")
	second := &aadpodid.AzureIdentityBinding{ObjectMeta: namedIn(l.ns, "second"), Spec: aadpodid.AzureIdentityBindingSpec{AzureIdentity: "db", Selector: "shared"}}
	l.until(func() string {
		if err := writer.Create(t.Context(), second.DeepCopy(), client.DryRunAll); err != nil {
			return err.Error()
		}
		if got := heard.last(); !strings.Contains(got, `web-binding has the selector "shared" too`) {
			return "warning: " + got
		}
		return ""
	})

	before := bundle(t, l, hook)
	stop()
	// With mic away objects are taken: failurePolicy Ignore.
	if err := writer.Create(t.Context(), foreign.DeepCopy(), client.DryRunAll); err != nil {
		t.Errorf("without mic: %v", err)
	}
	// Another replica joins the bundle, and mends what others do to it.
	stop = l.mic(func(o *cluster.Options) {
		o.Webhook = cluster.Webhook{Address: port, Configuration: hook, Pod: "mic-2"}
	})
	defer stop()
	l.until(func() string {
		if after := bundle(t, l, hook); !bytes.Contains(after, bytes.TrimSpace(before)) || bytes.Count(after, []byte("BEGIN")) != 2 {
			return "the bundle is " + string(after)
		}
		return ""
	})
}

// chartWebhook installs the chart's configuration with a URL, and mic's right to it.
func chartWebhook(t *testing.T, l *lab, url string) string {
	t.Helper()
	const name = "lanyard-mic"
	if err := install("webhook", func(o unstructured.Unstructured) bool {
		return o.GetLabels()["app.kubernetes.io/component"] == "webhook" && o.GetKind() != "Service"
	}); err != nil {
		t.Fatal(err)
	}
	var hook admissionregistrationv1.ValidatingWebhookConfiguration
	if err := l.kube.Get(t.Context(), types.NamespacedName{Name: name}, &hook); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.kube.Delete(context.WithoutCancel(t.Context()), &hook) })
	for i := range hook.Webhooks {
		hook.Webhooks[i].ClientConfig = admissionregistrationv1.WebhookClientConfig{URL: ptr.To(url)}
	}
	if err := l.kube.Update(t.Context(), &hook); err != nil {
		t.Fatal(err)
	}
	return name
}

func bundle(t *testing.T, l *lab, name string) []byte {
	t.Helper()
	var hook admissionregistrationv1.ValidatingWebhookConfiguration
	if err := l.kube.Get(t.Context(), types.NamespacedName{Name: name}, &hook); err != nil {
		t.Fatal(err)
	}
	return hook.Webhooks[0].ClientConfig.CABundle
}

// warnings keeps the API server's last one.
type warnings struct {
	mu   sync.Mutex
	text string
}

func (w *warnings) HandleWarningHeaderWithContext(_ context.Context, _ int, _, text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.text = text
}

func (w *warnings) last() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text
}
