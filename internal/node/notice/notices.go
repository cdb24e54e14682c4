package notice

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/time/rate"
	"k8s.io/utils/clock"
)

// Pod is whom an Event is about.
type Pod struct{ UID, Namespace, Name string }

const (
	// again is the least time between two Events of one reason about one pod.
	again = 5 * time.Minute
	// all pods of a node together
	perSecond, burst = 2, 50
	queued           = 64
	maxRemembered    = 1024
	maxMessage       = 1000
	writeTimeout     = 10 * time.Second
)

// Write creates an object at a path of the API server.
type Write func(ctx context.Context, path string, object any) error

// Notices sends Events. It is safe for concurrent use.
type Notices struct {
	node  string
	write Write
	clock clock.PassiveClock
	log   *slog.Logger
	queue chan event
	limit *rate.Limiter

	mu   sync.Mutex
	told map[subject]time.Time
}

type subject struct{ uid, reason string }

// New prepares Events of a node's agent; Run has to be running.
func New(node string, write Write, clk clock.PassiveClock, log *slog.Logger) *Notices {
	return &Notices{
		node: node, write: write, clock: clk, log: log, queue: make(chan event, queued),
		limit: rate.NewLimiter(perSecond, burst), told: map[subject]time.Time{},
	}
}

// Tell queues an Event on a pod, unless it was told the same kind of thing a moment ago. reason is one word from a closed set.
func (n *Notices) Tell(pod Pod, reason, message string) {
	now := n.clock.Now()
	if !n.due(subject{pod.UID, reason}, now) {
		return
	}
	if len(message) > maxMessage {
		message = message[:maxMessage] + "…"
	}
	select {
	case n.queue <- n.event(pod, reason, message, now):
	default: // the API server is slow or away: the audit log has it
	}
}

func (n *Notices) due(s subject, now time.Time) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if at, ok := n.told[s]; ok && now.Sub(at) < again && !now.Before(at) {
		return false
	}
	if !n.limit.AllowN(now, 1) {
		return false
	}
	if len(n.told) >= maxRemembered {
		for other, at := range n.told {
			if now.Sub(at) >= again || now.Before(at) {
				delete(n.told, other)
			}
		}
		if len(n.told) >= maxRemembered {
			clear(n.told)
		}
	}
	n.told[s] = now
	return true
}

// Run sends until the context ends.
func (n *Notices) Run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case e := <-n.queue:
			writing, cancel := context.WithTimeout(ctx, writeTimeout)
			err := n.write(writing, "/api/v1/namespaces/"+e.Metadata.Namespace+"/events", e)
			cancel()
			if err != nil && ctx.Err() == nil {
				n.log.Warn("telling a pod's owner failed", "namespace", e.Metadata.Namespace, "pod", e.Involved.Name, "error", err)
			}
		}
	}
}

// event is a core Event, as much of it as is written.
type event struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Metadata   struct {
		Namespace    string `json:"namespace"`
		GenerateName string `json:"generateName"`
	} `json:"metadata"`
	Involved struct {
		APIVersion string `json:"apiVersion"`
		Kind       string `json:"kind"`
		Namespace  string `json:"namespace"`
		Name       string `json:"name"`
		UID        string `json:"uid"`
	} `json:"involvedObject"`
	Reason  string `json:"reason"`
	Message string `json:"message"`
	Type    string `json:"type"`
	Source  struct {
		Component string `json:"component"`
		Host      string `json:"host"`
	} `json:"source"`
	First     time.Time `json:"firstTimestamp"`
	Last      time.Time `json:"lastTimestamp"`
	Count     int       `json:"count"`
	Component string    `json:"reportingComponent"`
	Instance  string    `json:"reportingInstance"`
}

const component = "lanyard-nmi"

func (n *Notices) event(pod Pod, reason, message string, now time.Time) event {
	now = now.UTC().Truncate(time.Second)
	e := event{
		APIVersion: "v1", Kind: "Event", Reason: reason, Message: message, Type: "Warning", First: now, Last: now, Count: 1,
		Component: component, Instance: n.node,
	}
	e.Metadata.Namespace, e.Metadata.GenerateName = pod.Namespace, pod.Name+"."
	e.Involved.APIVersion, e.Involved.Kind = "v1", "Pod"
	e.Involved.Namespace, e.Involved.Name, e.Involved.UID = pod.Namespace, pod.Name, pod.UID
	e.Source.Component, e.Source.Host = component, n.node
	return e
}
