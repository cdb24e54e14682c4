package cluster_test

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/google/go-cmp/cmp"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"

	"github.com/lanyard-project/lanyard/internal/cluster"
	"github.com/lanyard-project/lanyard/internal/cluster/armtest"
	"github.com/lanyard-project/lanyard/internal/cluster/scaleset"
)

var (
	chaosFor  = flag.Duration("chaos", 2*time.Second, "how long TestChaos makes trouble; make soak says longer")
	chaosSeed = flag.Uint64("chaos-seed", 0, "seed of TestChaos; 0: a new one, which it tells")
)

// roundLength is how long trouble lasts before the state is compared.
const roundLength = 4 * time.Second

// Users change everything at random; mic is killed; Azure fails a tenth of its
// calls with 429, 500, conflicts, cut connections, some after they took effect;
// the network to it is away for a while; the API server is away, and its watches
// break off. In the end there is what the model says: no identity is leaked or
// lost, and nobody else's touched.
func TestChaos(t *testing.T) {
	seed := *chaosSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("seed: -chaos-seed=%d", seed)
	l := newLab(t)
	c := newChaos(l, rand.New(rand.NewPCG(seed, 0)))
	c.start()
	defer func() { c.stop() }()
	for end := time.Now().Add(*chaosFor); time.Now().Before(end); {
		c.trouble(min(roundLength, time.Until(end)))
		c.compare()
	}
	t.Logf("%d changes, %d kills, %d calls to Azure of which %d failed, %d times without API server, %d times without Azure",
		c.changes, c.kills, len(l.arm.Calls()), c.failed.Load(), c.outages, c.cuts)
}

// chaos is the troublemaker.
type chaos struct {
	*lab
	random *rand.Rand
	world  world
	spaces [2]string

	link    *link // of the mic that runs
	stopMic func()

	azureAway, calm atomic.Bool
	failed          atomic.Int64

	changes, kills, outages, cuts int
}

func newChaos(l *lab, random *rand.Rand) *chaos {
	c := &chaos{lab: l, random: random, spaces: [2]string{l.ns, l.namespace("u-")}}
	c.world = world{
		nodes: map[string]place{}, pods: map[string]worldPod{}, bindings: map[string]worldBinding{},
		identities: map[string]worldIdentity{}, foreign: map[string]map[string]bool{},
	}
	c.makeNodes()
	for _, name := range resources {
		if name != missing {
			l.arm.SetIdentity(resourceID(name), &armtest.Identity{ClientID: "client-of-" + name, Forbidden: name == forbidden})
		}
	}
	l.arm.Disturb(c.disturb)
	return c
}

// trouble lasts for a while.
func (c *chaos) trouble(d time.Duration) {
	c.calm.Store(false)
	for end := time.Now().Add(d); time.Now().Before(end); {
		switch n := c.random.IntN(100); {
		case n < 3:
			c.kill()
		case n < 5:
			c.outages++
			c.link.down(time.Duration(50+c.random.IntN(300)) * time.Millisecond)
		case n < 6:
			c.cuts++
			c.azureAway.Store(true)
			time.AfterFunc(time.Duration(50+c.random.IntN(500))*time.Millisecond, func() { c.azureAway.Store(false) })
		case n < 9:
			c.meddle()
		default:
			c.change()
		}
		c.changes++
		time.Sleep(time.Duration(c.random.IntN(20)) * time.Millisecond)
	}
	c.calm.Store(true)
	c.azureAway.Store(false)
}

// compare waits for the state that the model says.
func (c *chaos) compare() {
	c.t.Helper()
	assigned, azure := c.world.wanted()
	c.until(func() string {
		var have []string
		for _, a := range c.allAssigned() {
			ref := a.Spec.AzureIdentityRef
			state := a.Status.Status
			if a.DeletionTimestamp != nil {
				state = "leaving"
			}
			have = append(have, fmt.Sprintf("%s/%s has %s/%s: %s", a.Spec.PodNamespace, a.Spec.Pod, ref.Namespace, ref.Name, state))
		}
		slices.Sort(have)
		found := map[string][]string{}
		for set := range azure {
			found[set] = c.azure(set)
		}
		return cmp.Diff(assigned, have) + cmp.Diff(azure, found, cmp.Transformer("", func(s []string) string { return strings.Join(s, " ") }))
	})
}

// start starts a mic whose every connection can be cut.
func (c *chaos) start() {
	k := &link{inner: map[bool]http.RoundTripper{}}
	c.link = k
	config := rest.CopyConfig(micAPI)
	config.Wrap(func(inner http.RoundTripper) http.RoundTripper { return k.over(inner) })
	options := c.arm.Options()
	options.Transport = transporter{k.over(options.Transport.(*http.Client).Transport)}
	c.stopMic = c.micOn(config, func(o *cluster.Options) {
		o.Azure = scaleset.NewARM(c.arm, options, clock.RealClock{})
		o.Spacing, o.DriftInterval = 20*time.Millisecond, 300*time.Millisecond
		o.Backoff, o.MostBackoff = 20*time.Millisecond, 500*time.Millisecond
	})
}

func (c *chaos) stop() { c.stopMic() }

// kill ends mic as a SIGKILL does: from one moment on nothing that it still does
// has any effect. Another one starts at once.
func (c *chaos) kill() {
	c.kills++
	// The library never ends a manager that is still filling its caches.
	<-c.working
	c.link.cut.Store(true)
	c.link.breakOff()
	c.stopMic()
	c.start()
}

// disturb lets a tenth of the calls to Azure fail, in all the ways that they do.
func (c *chaos) disturb(*http.Request) armtest.Disturbance {
	if c.calm.Load() {
		return armtest.Disturbance{}
	}
	if c.azureAway.Load() {
		return armtest.Disturbance{HangUp: true}
	}
	if rand.IntN(10) > 0 {
		return armtest.Disturbance{}
	}
	c.failed.Add(1)
	late := rand.IntN(2) == 0
	return []armtest.Disturbance{
		{Status: 500, Code: "InternalServerError", Late: late},
		{Status: 503, Code: "ServiceUnavailable", Late: late},
		{Status: 429, Code: "TooManyRequests", RetryAfter: time.Second},
		{Status: 409, Code: "Conflict"},
		{Status: 412, Code: "PreconditionFailed"},
		{HangUp: true, Late: late},
	}[rand.IntN(6)]
}

// link is all that a mic says to anybody.
type link struct {
	cut   atomic.Bool
	inner map[bool]http.RoundTripper

	mu     sync.Mutex
	bodies map[*cuttable]bool
}

var errCut = errors.New("the network is away")

func (k *link) over(inner http.RoundTripper) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		if k.cut.Load() {
			return nil, errCut
		}
		resp, err := inner.RoundTrip(r)
		if err != nil {
			return nil, err
		}
		resp.Body = k.register(resp.Body)
		return resp, nil
	})
}

// down cuts the link for a while. It says nothing to Azure then either, which is
// what an outage of a node's network does.
func (k *link) down(d time.Duration) {
	k.cut.Store(true)
	k.breakOff()
	time.Sleep(d)
	k.cut.Store(false)
}

// breakOff ends the answers that still come, watches above all.
func (k *link) breakOff() {
	k.mu.Lock()
	defer k.mu.Unlock()
	for b := range k.bodies {
		_ = b.ReadCloser.Close()
	}
	clear(k.bodies)
}

func (k *link) register(body io.ReadCloser) io.ReadCloser {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.bodies == nil {
		k.bodies = map[*cuttable]bool{}
	}
	b := &cuttable{ReadCloser: body, link: k}
	k.bodies[b] = true
	return b
}

type cuttable struct {
	io.ReadCloser
	link *link
}

func (b *cuttable) Close() error {
	b.link.mu.Lock()
	delete(b.link.bodies, b)
	b.link.mu.Unlock()
	return b.ReadCloser.Close()
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

type transporter struct{ http.RoundTripper }

var _ policy.Transporter = transporter{}

func (t transporter) Do(r *http.Request) (*http.Response, error) { return t.RoundTrip(r) }
