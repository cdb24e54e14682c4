package main

import (
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// The arguments of aad-pod-identity's own manifests and chart have to work.
func TestArgumentsOfThePredecessor(t *testing.T) {
	f, ignored, err := parse(strings.Fields(`--cloudconfig=/etc/kubernetes/azure.json --logtostderr --v=2
		-forceNamespaced --createDeleteBatch=40 --clientQps=15.5 --syncRetryDuration=10m --enableScaleFeatures=true
		--leader-election-instance=a --leader-election-namespace=kube-system --leader-election-duration=20s
		--immutable-user-msis=A,b --update-user-msi-max-retry=3 --update-user-msi-retry-interval=2s
		--identity-assignment-reconcile-interval=1m --http-probe-port=8181 --prometheus-port=9999 --log-format=json`), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	want := flags{
		cloudConfig: "/etc/kubernetes/azure.json", forceNamespaced: true, writers: 40, clientQPS: 15.5,
		resync: 10 * time.Minute, driftInterval: time.Minute, backoff: 2 * time.Second, spacing: 500 * time.Millisecond,
		electionName: "aad-pod-identity-mic", electionNamespace: "kube-system", electionDuration: 20 * time.Second,
		predecessorLock: "default/aad-pod-identity-mic",
		immutableMSIs:   "A,b", probePort: "8181", metricsPort: "9999", logFormat: "json", verbosity: 2,
		webhookConfiguration: "lanyard-mic",
	}
	if diff := cmp.Diff(want, *f, cmp.AllowUnexported(flags{}, brokerFlags{})); diff != "" {
		t.Errorf("flags (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"enableScaleFeatures", "leader-election-instance", "logtostderr", "update-user-msi-max-retry"}, ignored); diff != "" {
		t.Errorf("ignored (-want +got):\n%s", diff)
	}
}

func TestBadArguments(t *testing.T) {
	for name, args := range map[string]string{
		"port":     "--http-probe-port=99999",
		"format":   "--log-format=xml",
		"argument": "serve",
		"lock":     "--predecessor-lock=aad-pod-identity-mic",
		"backoff":  "--update-user-msi-retry-interval=0s",
		"unknown":  "--does-not-exist",
	} {
		t.Run(name, func(t *testing.T) {
			if _, _, err := parse(strings.Fields(args), io.Discard); err == nil {
				t.Errorf("%s was accepted", args)
			}
		})
	}
}

func TestForceNamespacedByEnvironment(t *testing.T) {
	t.Setenv("FORCENAMESPACED", "true")
	if f, _, err := parse(nil, io.Discard); err != nil || !f.forceNamespaced {
		t.Errorf("got %+v, %v", f, err)
	}
}
