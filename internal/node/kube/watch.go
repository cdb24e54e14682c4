package kube

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"k8s.io/utils/clock"
)

// Meta is the part of an object's metadata that the agent reads.
type Meta struct {
	Name            string            `json:"name"`
	Namespace       string            `json:"namespace"`
	UID             string            `json:"uid"`
	ResourceVersion string            `json:"resourceVersion"`
	Labels          map[string]string `json:"labels"`
	Annotations     map[string]string `json:"annotations"`
	Created         time.Time         `json:"creationTimestamp"`
	Deleted         *time.Time        `json:"deletionTimestamp"`
}

// Identifier is the UID.
func (m Meta) Identifier() string { return m.UID }

// Sink takes a collection's objects. Its methods are called from one goroutine.
type Sink[T any] interface {
	Replace(all []T)
	Apply(object T)
	Remove(object T)
}

// Collection names what to read.
type Collection struct {
	Path          string // /api/v1/pods
	LabelSelector string
	FieldSelector string
}

func (c Collection) query() url.Values {
	query := url.Values{}
	if c.LabelSelector != "" {
		query.Set("labelSelector", c.LabelSelector)
	}
	if c.FieldSelector != "" {
		query.Set("fieldSelector", c.FieldSelector)
	}
	return query
}

const (
	watchLength = 5 * time.Minute
	// silence between events: the API server sends a bookmark about every minute
	maxSilence = 150 * time.Second
	listLimit  = 500
	minBackoff = 100 * time.Millisecond
	maxBackoff = 10 * time.Second
)

// errGone says that the server no longer knows the version to watch from.
var errGone = errors.New("the resource version is too old")

// Server is where collections are read: the API server ([Client]), or somebody who passes on what it says.
type Server interface {
	Get(ctx context.Context, path string, query url.Values) (*http.Response, error)
}

// Watcher keeps one sink up to date with one collection.
type Watcher[T any] struct {
	Client     Server
	Collection Collection
	Sink       Sink[T]
	Clock      clock.WithTicker
	Log        *slog.Logger
	// Heard, if set, is called whenever the API server has said how the collection stands: all of it, a change, or that nothing
	// has changed.
	Heard func()
}

// Run reads and watches until the context ends.
func (w *Watcher[T]) Run(ctx context.Context) {
	version, backoff := "", minBackoff
	for ctx.Err() == nil {
		var err error
		if version == "" {
			version, err = w.list(ctx)
		}
		if err == nil {
			started := w.Clock.Now()
			version, err = w.watch(ctx, version)
			if w.Clock.Since(started) > maxBackoff {
				backoff = minBackoff
				if err == nil { // the server ended it as asked
					continue
				}
			}
		}
		switch {
		case err == nil: // it ended early: resume, but not in a tight loop
		case ctx.Err() != nil:
			return
		case errors.Is(err, errGone):
			w.Log.Info("reading the collection again", "collection", w.Collection.Path, "reason", err)
			version = ""
		default:
			w.Log.Warn("watching failed, trying again", "collection", w.Collection.Path, "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-w.Clock.After(backoff/2 + rand.N(backoff)): //nolint:gosec // jitter
		}
		backoff = min(2*backoff, maxBackoff)
	}
}

// list reads everything, a page at a time, and gives the version to watch from.
func (w *Watcher[T]) list(ctx context.Context) (version string, err error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	var all []T
	query := w.Collection.query()
	query.Set("limit", strconv.Itoa(listLimit))
	for {
		page, err := w.page(ctx, query)
		if err != nil {
			return "", err
		}
		all = append(all, page.Items...)
		if page.Metadata.Continue == "" {
			w.Sink.Replace(all)
			w.heard()
			return page.Metadata.ResourceVersion, nil
		}
		query.Set("continue", page.Metadata.Continue)
	}
}

type page[T any] struct {
	Metadata struct {
		ResourceVersion string `json:"resourceVersion"`
		Continue        string `json:"continue"`
	} `json:"metadata"`
	Items []T `json:"items"`
}

func (w *Watcher[T]) page(ctx context.Context, query url.Values) (page[T], error) {
	var p page[T]
	response, err := w.Client.Get(ctx, w.Collection.Path, query)
	if err != nil {
		var refused *StatusError
		if errors.As(err, &refused) && refused.Code == http.StatusGone {
			return p, errGone // the continue token expired
		}
		return p, err
	}
	defer response.Body.Close()
	if err := json.NewDecoder(response.Body).Decode(&p); err != nil {
		return p, fmt.Errorf("reading a list: %w", err)
	}
	return p, nil
}

type event struct {
	Type   string          `json:"type"`
	Object json.RawMessage `json:"object"`
}

// watch passes changes on until the server ends the watch (no error) or something fails. It gives the version that the
// sink has reached.
func (w *Watcher[T]) watch(ctx context.Context, version string) (string, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	query := w.Collection.query()
	query.Set("watch", "1")
	query.Set("allowWatchBookmarks", "true")
	query.Set("resourceVersion", version)
	length := watchLength + rand.N(watchLength) //nolint:gosec // so that nodes don't come back together
	query.Set("timeoutSeconds", strconv.Itoa(int(length/time.Second)))
	response, err := w.Client.Get(ctx, w.Collection.Path, query)
	if err != nil {
		var refused *StatusError
		if errors.As(err, &refused) && refused.Code == http.StatusGone {
			return "", errGone
		}
		return version, err
	}
	defer response.Body.Close()
	w.heard() // it knows the version, and will tell what comes after

	heard := make(chan struct{}, 1)
	done := make(chan struct{})
	defer close(done)
	go w.guard(heard, done, cancel)

	decoder := json.NewDecoder(response.Body)
	for {
		var e event
		if err := decoder.Decode(&e); err != nil {
			if cause := context.Cause(ctx); cause != nil {
				return version, cause
			}
			return version, nil //nolint:nilerr // the server ends a watch by closing it; a broken one is just resumed
		}
		select {
		case heard <- struct{}{}:
		default:
		}
		reached, err := w.pass(e)
		if err != nil {
			return "", err
		}
		version = reached
		w.heard()
	}
}

func (w *Watcher[T]) heard() {
	if w.Heard != nil {
		w.Heard()
	}
}

// guard ends a watch on which nothing was heard for too long.
func (w *Watcher[T]) guard(heard, done <-chan struct{}, cancel context.CancelCauseFunc) {
	timer := w.Clock.NewTimer(maxSilence)
	defer timer.Stop()
	for {
		select {
		case <-done:
			return
		case <-heard:
			timer.Reset(maxSilence)
		case <-timer.C():
			cancel(fmt.Errorf("nothing heard for %s", maxSilence))
			return
		}
	}
}

// pass hands one event to the sink and gives the version that it carries.
func (w *Watcher[T]) pass(e event) (version string, err error) {
	if e.Type == "ERROR" {
		var status struct {
			Code    int    `json:"code"`
			Message string `json:"message"`
		}
		if err := json.Unmarshal(e.Object, &status); err != nil {
			return "", fmt.Errorf("reading an error event: %w", err)
		}
		if status.Code == http.StatusGone {
			return "", errGone
		}
		return "", &StatusError{Code: status.Code, Message: status.Message}
	}
	var head struct {
		Metadata struct {
			ResourceVersion string `json:"resourceVersion"`
		} `json:"metadata"`
	}
	if err := json.Unmarshal(e.Object, &head); err != nil {
		return "", fmt.Errorf("reading an event: %w", err)
	}
	if e.Type == "BOOKMARK" {
		return head.Metadata.ResourceVersion, nil
	}
	var object T
	if err := json.Unmarshal(e.Object, &object); err != nil {
		return "", fmt.Errorf("reading an event: %w", err)
	}
	switch e.Type {
	case "ADDED", "MODIFIED":
		w.Sink.Apply(object)
	case "DELETED":
		w.Sink.Remove(object)
	default:
		return "", fmt.Errorf("unknown event %q", e.Type)
	}
	return head.Metadata.ResourceVersion, nil
}
