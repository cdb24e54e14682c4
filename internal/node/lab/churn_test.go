package lab_test

import (
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// How much is enough: a few pods for every run of the tests, a thousand and an agent with the race detector for make lab.
var (
	churned = flag.Int("churned", 8, "pods that come and go in the churn tests")
	racing  = flag.Bool("racing", false, "build the agent with the race detector")
)

// tally counts what pods are answered.
type tally struct {
	tokens, refused, unanswered, late, wrong atomic.Int64
}

func (c *tally) String() string {
	return fmt.Sprintf("%d tokens, %d refusals, %d without an answer, %d answers to pods that were gone, %d wrong identities",
		c.tokens.Load(), c.refused.Load(), c.unanswered.Load(), c.late.Load(), c.wrong.Load())
}

func (c *tally) add(other *tally) {
	c.tokens.Add(other.tokens.Load())
	c.refused.Add(other.refused.Load())
	c.unanswered.Add(other.unanswered.Load())
	c.late.Add(other.late.Load())
	c.wrong.Add(other.wrong.Load())
}

// count judges an answer to a pod that may have one identity.
func (c *tally) count(t testing.TB, name, want string, status int, body string, err error) (token bool) {
	switch got := whose(body); {
	case err != nil:
		c.unanswered.Add(1)
	case got == want && status == http.StatusOK:
		c.tokens.Add(1)
		return true
	case got != "":
		c.wrong.Add(1)
		t.Errorf("%s, which may have %s, got a token of %s", name, want, got)
	default:
		c.refused.Add(1)
	}
	return false
}

// Pods come and go on few addresses, each with another identity than the one before, while the one before still has its cable, its
// processes and an open connection. (kiam issue 499: credentials of the pod before.)
func TestChurnedPodsNeverGetEachOthersIdentities_kiam_499(t *testing.T) {
	for name, newWorld := range map[string]func(testing.TB) *world{"routed": newWorld, "bridge": newBridgeWorld} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.metadata.attach(demo)
			w.metadata.attach(other)
			agent := w.agent()
			const addresses = 4
			var all sync.WaitGroup
			var counts tally
			stop := make(chan struct{})
			steady := w.pod("steady", "10.77.1.100", "demo")
			w.api.assign(steady, demo, "Assigned")
			all.Go(func() { // load from a pod that stays
				c := client(steady.namespace, nil)
				for {
					select {
					case <-stop:
						return
					default:
						status, body, err := ask(c, tokenURL)
						counts.count(t, "steady", "demo", status, body, err)
						time.Sleep(10 * time.Millisecond) // as much as one pod may
					}
				}
			})
			var pods sync.WaitGroup
			for i := range addresses {
				pods.Go(func() {
					var own tally // so that one address doesn't see another's
					w.churn(fmt.Sprintf("10.77.1.%d", 10+i), *churned/addresses, &own)
					counts.add(&own)
				})
			}
			pods.Wait()
			close(stop)
			all.Wait()
			if got := counts.tokens.Load(); got < int64(*churned) {
				t.Errorf("%d pods got %d tokens", *churned, got)
			}
			if strangers := w.metadata.visitors(); len(strangers) > 0 {
				t.Errorf("pods reached the metadata service from %v", strangers)
			}
			if strings.Contains(agent.output.String(), "DATA RACE") {
				t.Errorf("races:\n%s", agent.output)
			}
			t.Log(&counts)
		})
	}
}

// churn lets pods follow each other on one address.
func (w *world) churn(address string, lives int, counts *tally) {
	var before *pod
	var lingering sync.WaitGroup
	for life := range lives {
		who := []identity{demo, other}[life%2]
		p := w.plug(fmt.Sprintf("pod-%s-%d", strings.ReplaceAll(address, ".", "-"), life), address)
		p.label = who.name
		w.api.putPod(p)
		assigned := w.api.assign(p, who, "Assigned")
		if before != nil && rand.N(2) == 0 { //nolint:gosec // both orders happen
			w.runtime.stop(before)
			w.runtime.start(p)
		} else {
			w.runtime.start(p)
			if before != nil {
				w.runtime.stop(before)
			}
		}
		gone := before
		if gone != nil {
			lingering.Go(func() { gone.linger(counts) })
		}
		c := client(p.namespace, nil)
		c.Timeout = 5 * time.Second // a connection that the news has overtaken
		got := false
		for deadline := time.Now().Add(patience); !got && time.Now().Before(deadline); {
			status, body, err := ask(c, tokenURL)
			if got = counts.count(w.t, p.name, who.name, status, body, err); !got {
				time.Sleep(10 * time.Millisecond)
			}
		}
		if !got {
			w.t.Errorf("%s never got its token", p.name)
		}
		if before != nil {
			lingering.Wait()
			late := counts.late.Load()
			if before.linger(counts); counts.late.Load() != late {
				w.t.Errorf("%s, whose address is %s's by now, still has answers", before.name, p.name)
			}
			before.unplug()
			_ = before.handle.Close()
			w.api.remove(assignmentsPath, before.assigned)
			w.api.remove("/api/v1/pods", before.uid)
		}
		p.assigned, p.kept = assigned, c
		before = p
	}
}

// linger asks on for a pod that the runtime has stopped: on the connection that it had, and on a new one. It may have what it had,
// until the news has arrived; it may never have its successor's.
func (p *pod) linger(counts *tally) {
	for _, c := range []*http.Client{p.kept, client(p.namespace, nil)} {
		c.Timeout = 60 * time.Millisecond
		status, body, err := ask(c, tokenURL)
		if err == nil && status == http.StatusOK {
			counts.late.Add(1)
		}
		counts.count(p.t, p.name+", which is gone,", p.label, status, body, err)
		c.CloseIdleConnections()
	}
}

// SIGKILL while pods ask as fast as they can: not one request reaches the metadata service as the node, before, between or after.
func TestAgentKilledUnderLoad(t *testing.T) {
	w := newWorld(t)
	w.metadata.attach(demo)
	w.metadata.attach(other)
	agent := w.agent()
	web, job := w.pod("web", "10.77.1.2", "demo"), w.pod("job", "10.77.1.3", "other")
	w.api.assign(web, demo, "Assigned")
	w.api.assign(job, other, "Assigned")
	var all sync.WaitGroup
	var counts tally
	stop := make(chan struct{})
	for p, want := range map[*pod]string{web: "demo", job: "other"} {
		for range 4 {
			all.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
					}
					c := client(p.namespace, nil) // a new connection each time, and one kept for a few requests
					for range 3 {
						status, body, err := ask(c, tokenURL)
						counts.count(t, p.name, want, status, body, err)
					}
					c.CloseIdleConnections()
				}
			})
		}
	}
	for range 3 {
		time.Sleep(200 * time.Millisecond)
		agent.kill()
		time.Sleep(100 * time.Millisecond)
		agent = w.agent()
	}
	w.eventually("the last agent serves", func() bool {
		before := counts.tokens.Load()
		time.Sleep(50 * time.Millisecond)
		return counts.tokens.Load() > before
	})
	close(stop)
	all.Wait()
	if strangers := w.metadata.visitors(); len(strangers) > 0 {
		t.Errorf("pods reached the metadata service from %v", strangers)
	}
	t.Log(&counts)
}

// Whatever the node's metadata service does, pods get their tokens or an error that says when to come back, and the agent stays.
func TestMetadataServiceInTrouble(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.metadata.attach(demo)
	w.agent()
	p := w.pod("web", "10.77.1.2", "demo")
	w.api.assign(p, demo, "Assigned")
	resource := func(name string) string {
		return strings.Replace(tokenURL, "management.azure.com", name+".example.com", 1)
	}
	for name, trouble := range map[string]http.HandlerFunc{
		"500":      func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "the-inner-detail", 500) },
		"429":      func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Retry-After", "1"); w.WriteHeader(429) },
		"not-json": func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>the-inner-detail") },
		"elsewhere": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://10.77.0.1/x", http.StatusFound)
		},
		"hangs-up": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	} {
		w.metadata.setTrouble(trouble)
		status, body, err := fetch(p.namespace, nil, resource(name))
		if err != nil || status != http.StatusServiceUnavailable && status != http.StatusTooManyRequests && status != http.StatusInternalServerError ||
			strings.Contains(body, "the-inner-detail") || whose(body) != "" {
			t.Errorf("%s: %d %s %v", name, status, body, err)
		}
		w.metadata.setTrouble(nil)
		w.eventually(name+" is over", func() bool {
			status, body, _ := fetch(p.namespace, nil, resource(name))
			return status == http.StatusOK && whose(body) == "demo"
		})
	}
	p.wantToken("", "demo")
	slow := make(chan struct{})
	w.metadata.setTrouble(func(http.ResponseWriter, *http.Request) { <-slow })
	impatient := client(p.namespace, nil)
	impatient.Timeout = time.Second
	if status, body, err := ask(impatient, resource("slow")); err == nil && status == http.StatusOK || whose(body) != "" {
		t.Errorf("slow: %d %s %v", status, body, err)
	}
	p.wantToken("", "demo") // what is known isn't held up
	close(slow)
	w.metadata.setTrouble(nil)
}
