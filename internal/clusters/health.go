package clusters

import (
	"context"
	"errors"
	"path/filepath"
	"time"

	"github.com/lanyard-project/lanyard/internal/clusters/machine"
)

// mendEvery is how often machines are looked at that should run.
const mendEvery = 5 * time.Second

// Mend starts again, until the context ends, machines that ended though nobody
// stopped them. Programs inside of a machine are its own init's matter.
func (e *Engine) Mend(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(mendEvery):
		}
		ids, err := names(filepath.Join(e.options.DataDir, "clusters"), "")
		if err != nil {
			e.options.Log.Error("looking for clusters to mend", "error", err)
			continue
		}
		if err := each(ids, func(id string) error { return e.mend(ctx, id) }); err != nil && ctx.Err() == nil {
			e.options.Log.Error("mending clusters", "error", err)
		}
	}
}

func (e *Engine) mend(ctx context.Context, id string) error {
	c, err := e.cluster(id)
	if errors.Is(err, ErrNotFound) || err == nil && (c.Stopped || !c.Started) {
		return nil // or half made, or half deleted: its operation goes on
	}
	if err != nil {
		return err
	}
	_, runs, err := e.hosts.Running(ctx, controlPlaneMachine(id))
	if err != nil {
		return err
	}
	if !runs {
		if err := e.adoptControlPlane(ctx, id, func() {
			e.options.Log.Warn("a control plane ended by itself: starting it again", "cluster", id)
			e.troubles.note(id, Trouble{Unit: "control plane", How: "ended", At: e.options.Clock.Now()})
		}); err != nil {
			return err
		}
	}
	nodes, err := names(filepath.Join(e.clusterDir(id), "nodes"), "")
	if err != nil {
		return err
	}
	return each(nodes, func(name string) error {
		var n Node
		if err := load(filepath.Join(e.nodeDir(id, name), "node.json"), &n); err != nil {
			return nil //nolint:nilerr // half made or half deleted: its operation goes on
		}
		if _, runs, err := e.hosts.Running(ctx, nodeMachine(id, name)); err != nil || runs {
			return err
		}
		return e.adoptNode(ctx, id, name, func() {
			e.options.Log.Warn("a node ended by itself: starting it again", "cluster", id, "node", name)
			e.troubles.note(id, Trouble{Node: name, Unit: "node", How: "ended", At: e.options.Clock.Now()})
		})
	})
}

// Trouble is a program of a cluster that ended though nobody stopped it.
type Trouble struct {
	// Node is the node that it belongs to, "" for the control plane.
	Node string
	Unit string
	// How it ended ("killed by SIGKILL", "exit 1"), when, how often since the
	// machine's start, and whether it runs again.
	How      string
	At       time.Time
	Times    int
	Restored bool
}

// Troubles are those of a cluster since some time, the newest last.
func (e *Engine) Troubles(ctx context.Context, id string, since time.Time) ([]Trouble, error) {
	if _, err := e.cluster(id); err != nil {
		return nil, err
	}
	nodes, err := names(filepath.Join(e.clusterDir(id), "nodes"), "")
	if err != nil {
		return nil, err
	}
	all := e.troubles.since(id, since)
	for _, name := range append([]string{""}, nodes...) {
		at := controlPlaneMachine(id)
		if name != "" {
			at = nodeMachine(id, name)
		}
		m, runs, err := e.hosts.Running(ctx, at)
		if err != nil || !runs {
			continue
		}
		for _, u := range machine.ReadUnitStates(m) {
			if u.Ended.After(since) {
				all = append(all, Trouble{Node: name, Unit: u.Name, How: u.How, At: u.Ended, Times: u.Times, Restored: u.Running})
			}
		}
	}
	return all, nil
}
