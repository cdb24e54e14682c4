package untaint

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"time"

	"k8s.io/utils/clock"

	"github.com/lanyard-project/lanyard/internal/node/kube"
)

// Agent is a pod of nmi, no more of it than is needed.
type Agent struct {
	kube.Meta `json:"metadata"`
	Spec      struct {
		NodeName string `json:"nodeName"`
	} `json:"spec"`
	Status struct {
		Conditions []struct {
			Type   string `json:"type"`
			Status string `json:"status"`
		} `json:"conditions"`
	} `json:"status"`
}

func (a Agent) ready() bool {
	for _, condition := range a.Status.Conditions {
		if condition.Type == "Ready" {
			return condition.Status == "True" && a.Deleted == nil
		}
	}
	return false
}

// Config says what to watch and what to take off.
type Config struct {
	// Agents are nmi's pods.
	Agents kube.Collection
	// Taint is the key of the taint.
	Taint string
}

// Untaint watches nmi's pods and takes the taint off their nodes.
type Untaint struct {
	Client *kube.Client
	Config Config
	Clock  clock.WithTicker
	Log    *slog.Logger

	ready chan string // nodes
}

// again is how soon a node is tried again that couldn't be changed.
const again = 5 * time.Second

// Run watches until the context ends.
func (u *Untaint) Run(ctx context.Context) {
	u.ready = make(chan string, 1024)
	watcher := &kube.Watcher[Agent]{Client: u.Client, Collection: u.Config.Agents, Sink: u, Clock: u.Clock, Log: u.Log}
	done := make(chan struct{})
	go func() {
		defer close(done)
		watcher.Run(ctx)
	}()
	retry := u.Clock.NewTicker(again)
	defer retry.Stop()
	due := map[string]struct{}{}
	for {
		select {
		case <-ctx.Done():
			for {
				select {
				case <-u.ready: // so that the watcher gets to its end
				case <-done:
					return
				}
			}
		case node := <-u.ready:
			due[node] = struct{}{}
			u.settle(ctx, due, node)
		case <-retry.C():
			for node := range due {
				u.settle(ctx, due, node)
			}
		}
	}
}

// settle tries once, and leaves the node due if that failed.
func (u *Untaint) settle(ctx context.Context, due map[string]struct{}, node string) {
	err := u.takeOff(ctx, node)
	var refused *kube.StatusError
	if err == nil || errors.As(err, &refused) && refused.Code == http.StatusNotFound {
		delete(due, node)
		return
	}
	u.Log.Warn("taking the taint off failed, trying again", "node", node, "error", err)
}

// takeOff removes the taint, if it is there. The rest is passed on as it was read, whatever it holds; the version makes sure that it
// still is so.
func (u *Untaint) takeOff(ctx context.Context, node string) error {
	path := "/api/v1/nodes/" + url.PathEscape(node)
	var object struct {
		Metadata struct {
			ResourceVersion string `json:"resourceVersion"`
		} `json:"metadata"`
		Spec struct {
			Taints []json.RawMessage `json:"taints"`
		} `json:"spec"`
	}
	if err := u.Client.Read(ctx, path, &object); err != nil {
		return fmt.Errorf("reading node %s: %w", node, err)
	}
	before := len(object.Spec.Taints)
	kept := slices.DeleteFunc(object.Spec.Taints, func(raw json.RawMessage) bool {
		var taint struct {
			Key string `json:"key"`
		}
		return json.Unmarshal(raw, &taint) == nil && taint.Key == u.Config.Taint
	})
	if len(kept) == before {
		return nil
	}
	var taints any = kept
	if len(kept) == 0 {
		taints = nil
	}
	patch := map[string]any{
		"metadata": map[string]any{"resourceVersion": object.Metadata.ResourceVersion},
		"spec":     map[string]any{"taints": taints},
	}
	if err := u.Client.Merge(ctx, path, patch); err != nil {
		return fmt.Errorf("changing node %s: %w", node, err)
	}
	u.Log.Info("the agent is ready, the node takes pods", "node", node, "taint", u.Config.Taint)
	return nil
}

// Replace is the result of a full reading.
func (u *Untaint) Replace(all []Agent) {
	for _, agent := range all {
		u.Apply(agent)
	}
}

// Apply hears of a pod of nmi.
func (u *Untaint) Apply(agent Agent) {
	if agent.ready() && agent.Spec.NodeName != "" {
		u.ready <- agent.Spec.NodeName // Run takes it, also while it ends
	}
}

// Remove is of no interest.
func (u *Untaint) Remove(Agent) {}
