package containerservice_test

import (
	"flag"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"github.com/lanyard-project/lanyard/internal/providers"
)

// everyPoint leaves out none: for who changes a plan.
var everyPoint = flag.Bool("every-point", false, "crash at every point of every plan, not at some (minutes)")

// TestCrashAtEveryPoint kills the process before and after every effect of a creation, an update and a deletion, starts
// it again, and wants the state of a life without a crash.
func TestCrashAtEveryPoint(t *testing.T) {
	t.Parallel()
	update := strings.Replace(simple, `[{"name":"nodepool1","count":2`, `[{"name":"more","count":1},{"name":"nodepool1","count":1`, 1)
	there := func(p *process) { p.create("demo", simple) }
	withIdentities := func(p *process) {
		there(p)
		p.update("demo", podIdentities(true, entry("one", p.badge("app", p.get(clusterID("demo"))), "")))
		p.update("demo", change(`"addonProfiles":{"httpApplicationRouting":{"enabled":true}}`))
	}
	elsewhere := func(p *process) { p.attach, p.far = true, newFar(t) }
	stores := newStores(t)
	const exchanged = `"addonProfiles":{"httpApplicationRouting":{"enabled":false},"azureKeyvaultSecretsProvider":{"enabled":true}},"podIdentityProfile":{"enabled":true,"userAssignedIdentities":[`
	for _, phase := range []struct {
		name   string
		every  int              // without -every-point: how many points lie between two deaths: steps that another phase has died in needn't be all died in again
		before func(p *process) // what is there already
		act    func(p *process)
	}{
		{"create", 3, func(*process) {}, func(p *process) { _, _, _ = p.put(clusterID("demo"), simple) }},
		{"update", 5, there, func(p *process) { _, _, _ = p.put(clusterID("demo"), update) }},
		{"exchange identities", 7, func(p *process) { withIdentities(p); p.badge("other", p.get(clusterID("demo"))) }, func(p *process) {
			_, _, _ = p.put(clusterID("demo"), change(exchanged+entry("two", p.badge("other", nil), "")+"]}"))
		}},
		{"system to user", 7, func(p *process) { there(p); p.identity("plane") }, func(p *process) {
			_, _, _ = p.put(clusterID("demo"), userAssigned(identityID("plane")))
		}},
		{"another control plane and another kubelet identity", 13, func(p *process) {
			p.pair("plane", "kubelet")
			p.pair("second-plane", "second-kubelet")
			p.works("demo", withPair("plane", "kubelet"))
		}, func(p *process) { _, _, _ = p.put(clusterID("demo"), withPair("second-plane", "second-kubelet")) }},
		{"node image of a pool", 13, there, func(p *process) {
			if err := p.rollNodeImage("nodepool1"); err != nil {
				p.t.Error(err)
			}
		}},
		{"delete", 3, there, func(p *process) { p.delete(clusterID("demo")) }},
		{"delete with identities", 7, withIdentities, func(p *process) { p.delete(clusterID("demo")) }},
		{"connect", 1, elsewhere, func(p *process) {
			_, _, _ = p.put(clusterID("demo"), connectBody(p.t, `,"podIdentityProfile":{"enabled":true}`))
		}},
		{"disconnect", 2, func(p *process) {
			elsewhere(p)
			c := p.works("demo", connectBody(p.t, `,"podIdentityProfile":{"enabled":true}`))
			p.update("demo", podIdentities(true, entry("one", p.badge("app", c), "")))
		}, func(p *process) { p.delete(clusterID("demo")) }},
	} {
		t.Run(phase.name, func(t *testing.T) {
			b := begin(t, stores, phase.before)
			undisturbed, points := b.life(t, phase.act, 0)
			if points < 8 {
				t.Fatalf("only %d points: the plan did nothing", points)
			}
			var lives errgroup.Group
			lives.SetLimit(livesAtOnce)
			if *everyPoint {
				phase.every = 1
			}
			first := 1
			if phase.name == "connect" {
				first = 3 // before, the cluster is asked who it is, and nothing is accepted yet
			}
			for at := first; at <= points && !t.Failed(); at += phase.every {
				lives.Go(func() error {
					state, _ := b.life(t, phase.act, at)
					if diff := cmp.Diff(undisturbed, state); diff != "" {
						t.Errorf("killed at point %d of %d (-undisturbed +killed):\n%s", at, points, diff)
					}
					return nil
				})
			}
			_ = lives.Wait() // they report to t
		})
	}
}

func identityID(name string) string {
	return clusterID("x").ResourceGroupID().Extension("Microsoft.ManagedIdentity", "userAssignedIdentities", name).String()
}

// pair makes an identity for a control plane, and one for its kubelets that it may assign.
func (p *process) pair(plane, kubelet string) {
	_, principal := p.identity(plane)
	id, _ := p.identity(kubelet)
	p.grant(operatorRole, id, principal)
}

func withPair(plane, kubelet string) string {
	return body(`{"type":"SystemAssigned"}`, `{"type":"UserAssigned","userAssignedIdentities":{"`+identityID(plane)+`":{}}}`,
		`"dnsPrefix":"demo"`, `"dnsPrefix":"demo","identityProfile":{"kubeletidentity":{"resourceId":"`+identityID(kubelet)+`"}}`)
}

// rollNodeImage begins what az aks nodepool upgrade --node-image-only does.
func (p *process) rollNodeImage(pool string) error {
	p.t.Helper()
	id := clusterID("demo").Child("agentPools", pool)
	for _, a := range p.registry.Find(id.Type()).Actions {
		if a.Name != "upgradeNodeImageVersion" {
			continue
		}
		r := &providers.Request{Caller: caller(), Method: providers.Do, Type: p.registry.Find(id.Type()), ID: id, Old: p.get(clusterID("demo")), Now: time.Now()}
		if _, err := a.Run(p.t.Context(), r); err != nil {
			return err
		}
		_, _ = p.engine.Commit(p.t.Context(), r) // or the process dies in it
	}
	return nil
}

func TestDeleteCancelsCreate(t *testing.T) {
	t.Parallel()
	for at := 1; at < 40; at += 6 {
		w := newWorld(t)
		empty := w.snapshot()
		p := w.start()
		reached := make(chan struct{})
		n := 0
		w.fail = func(string) error {
			if n++; n == at {
				close(reached)
			}
			return nil
		}
		if _, _, err := p.put(clusterID("demo"), simple); err != nil {
			t.Fatal(err)
		}
		settled := make(chan struct{})
		go func() { defer close(settled); p.settle(clusterID("demo")) }()
		select {
		case <-reached:
		case <-settled: // the plan has fewer calls
		}
		p.delete(clusterID("demo"))
		p.settle(clusterID("demo"))
		p.stop()
		if diff := cmp.Diff(empty, w.snapshot()); diff != "" {
			t.Errorf("deleted at call %d, left behind (-before +after):\n%s", at, diff)
		}
	}
}
