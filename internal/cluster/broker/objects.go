package broker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lanyard-project/lanyard/internal/brokerapi"
)

const (
	watchesPerNode = 16 // an agent has three, and one that was replaced may not have hung up yet
	longestWatch   = 10 * time.Minute
	mostListed     = 500
	longestWrite   = time.Minute // of one event, to an agent that doesn't read

	// An agent reads and watches four collections when it starts, and again when a namespace is new to its node.
	readsPerSecond = 5  // of one node
	readsInARow    = 50 // of one node
	readsAtATime   = 16 // of all; watches are asked for in their turn, too
	mostNodes      = 16384
)

// objects tells agents what the API server says about their own nodes: RBAC can't tie a right to a node, the claim in the agent's
// token does. It remembers nothing; versions are the API server's own, so that a watch goes on at any replica.
type objects struct {
	kube        client.WithWatch
	clock       clock.PassiveClock
	collections map[string]collection
	reads       *budget // by node
	slots       slots

	mu       sync.Mutex
	watching map[string]int // by node

	stop    sync.Once
	stopped chan struct{}
}

func newObjects(kube client.WithWatch, managed bool, clk clock.PassiveClock) *objects {
	return &objects{
		kube: kube, clock: clk, collections: collections(managed), reads: newBudget(clk, readsPerSecond, readsInARow, mostNodes),
		slots: make(slots, readsAtATime), watching: map[string]int{}, stopped: make(chan struct{}),
	}
}

// hangUp ends all watches, so that their agents go to another replica.
func (o *objects) hangUp() { o.stop.Do(func() { close(o.stopped) }) }

// serve answers an agent of a node.
func (o *objects) serve(w http.ResponseWriter, r *http.Request, node, path string) error {
	c, known := o.collections[path]
	if !known || r.Method != http.MethodGet {
		return refuse(http.StatusNotFound, brokerapi.CodeInvalid, "there is nothing for agents at %s", path)
	}
	if !o.reads.allow(node) {
		return refuse(http.StatusTooManyRequests, brokerapi.CodeUnavailable, "the node asks too often")
	}
	query := r.URL.Query()
	if query.Get("watch") != "" {
		return o.watch(r.Context(), w, node, c, query)
	}
	ctx, cancel := context.WithTimeout(r.Context(), brokerapi.LongestAnswer)
	defer cancel()
	return o.list(ctx, w, node, c, query)
}

// page is a part of a list, in the API server's form.
type page struct {
	Metadata struct {
		ResourceVersion string `json:"resourceVersion"`
		Continue        string `json:"continue,omitempty"`
	} `json:"metadata"`
	Items []client.Object `json:"items"`
}

func (o *objects) list(ctx context.Context, w http.ResponseWriter, node string, c collection, query url.Values) error {
	done, err := o.slots.take(ctx)
	if err != nil {
		return err
	}
	defer done()
	s, err := o.scope(ctx, c, node)
	if err != nil {
		return err
	}
	after, err := s.take(query.Get("continue"))
	if err != nil {
		return err
	}
	list := c.list()
	options := c.options(node, client.ListOptions{Limit: number(query.Get("limit"), mostListed), Continue: after})
	if err := o.kube.List(ctx, list, options...); err != nil {
		return passOn(err)
	}
	answer := page{Items: []client.Object{}}
	answer.Metadata.ResourceVersion, answer.Metadata.Continue = s.give(list.GetResourceVersion()), s.give(list.GetContinue())
	err = meta.EachListItem(list, func(object runtime.Object) error {
		if slim, own := c.slim(object, s); own {
			answer.Items = append(answer.Items, slim)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("reading a list: %w", err)
	}
	reply(w, http.StatusOK, answer)
	return nil
}

func (o *objects) watch(ctx context.Context, w http.ResponseWriter, node string, c collection, query url.Values) error {
	if !o.enter(node) {
		return refuse(http.StatusTooManyRequests, brokerapi.CodeUnavailable, "the node watches %d times already", watchesPerNode)
	}
	defer o.leave(node)
	s, begun, err := o.begin(ctx, node, c, query)
	if err != nil {
		return err
	}
	defer begun.stop()
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusOK)
	line := &liner{control: http.NewResponseController(w), clock: o.clock, encoder: json.NewEncoder(w)}
	for err := line.flush(); err == nil; {
		select {
		case <-ctx.Done(): // the agent left
			return nil
		case <-o.stopped:
			return nil
		case err := <-begun.grown:
			var gone *refusal
			if errors.As(err, &gone) {
				_ = line.write(event{watch.Error, map[string]any{"code": gone.status, "message": gone.Message}})
			}
			return nil
		case e, open := <-begun.events:
			if !open {
				return nil
			}
			if told, ok := c.tell(e, s); ok {
				err = line.write(told)
			}
		}
	}
	return nil // the agent left, too
}

// begun is a watch at the API server.
type begun struct {
	events <-chan watch.Event
	grown  <-chan error // nil is never
	stop   func()
}

func (o *objects) begin(ctx context.Context, node string, c collection, query url.Values) (scope, begun, error) {
	soon, cancel := context.WithTimeout(ctx, brokerapi.LongestAnswer)
	defer cancel()
	done, err := o.slots.take(soon)
	if err != nil {
		return scope{}, begun{}, err
	}
	defer done()
	s, err := o.scope(soon, c, node)
	if err != nil {
		return s, begun{}, err
	}
	version, err := s.take(query.Get("resourceVersion"))
	if err != nil {
		return s, begun{}, err
	}
	seconds := number(query.Get("timeoutSeconds"), int64(longestWatch/time.Second))
	grown, stop, err := o.grows(ctx, s, seconds)
	if err != nil {
		return s, begun{}, err
	}
	watcher, err := o.kube.Watch(ctx, c.list(), c.options(node, client.ListOptions{Raw: &metav1.ListOptions{
		ResourceVersion: version, AllowWatchBookmarks: true, TimeoutSeconds: &seconds,
	}})...)
	if err != nil {
		stop()
		return s, begun{}, passOn(err)
	}
	return s, begun{events: watcher.ResultChan(), grown: grown, stop: func() { watcher.Stop(); stop() }}, nil
}

// liner writes a document a line, each in its own time: the server's limits are for answers that end.
type liner struct {
	control *http.ResponseController
	clock   clock.PassiveClock
	encoder *json.Encoder
}

func (l *liner) write(document any) error {
	if err := l.control.SetWriteDeadline(l.clock.Now().Add(longestWrite)); err != nil {
		return fmt.Errorf("writing an event: %w", err)
	}
	if err := l.encoder.Encode(document); err != nil {
		return fmt.Errorf("writing an event: %w", err)
	}
	return l.flush()
}

// flush sends what was written, and then lets the connection be silent for as long as nothing changes.
func (l *liner) flush() error {
	return errors.Join(l.control.Flush(), l.control.SetWriteDeadline(time.Time{}), l.control.SetReadDeadline(time.Time{}))
}

func (o *objects) enter(node string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.watching[node] >= watchesPerNode {
		return false
	}
	o.watching[node]++
	return true
}

func (o *objects) leave(node string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.watching[node]--; o.watching[node] == 0 {
		delete(o.watching, node)
	}
}

// number reads a number from 1 to a most, which is also what stands for none.
func number(text string, most int64) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 1 {
		return most
	}
	return min(n, most)
}

// passOn turns the API server's refusal of mic into an answer for the agent, which knows one of them: that a version is too old.
func passOn(err error) error {
	var status apierrors.APIStatus
	if errors.As(err, &status) && status.Status().Code == http.StatusGone {
		return refuse(http.StatusGone, brokerapi.CodeUnavailable, "%s", status.Status().Message)
	}
	return fmt.Errorf("asking the API server for an agent: %w", err)
}
