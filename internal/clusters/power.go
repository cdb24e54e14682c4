package clusters

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
)

// StopCluster ends the cluster's processes and keeps its data: EnsureControlPlane
// and EnsureNode start it again. Adopt leaves a stopped cluster stopped.
func (e *Engine) StopCluster(ctx context.Context, id string) error {
	if err := checkID("cluster", id); err != nil {
		return err
	}
	defer e.locks.exclusive("cluster/" + id)()
	record, err := e.cluster(id)
	if err != nil {
		return err
	}
	record.Stopped = true
	if err := e.saveCluster(record); err != nil {
		return err
	}
	if err := e.powerOff(ctx, id); err != nil {
		return fmt.Errorf("stopping cluster %s: %w", id, err)
	}
	return nil
}

// powerOff ends the nodes, then the control plane, each in peace.
func (e *Engine) powerOff(ctx context.Context, id string) error {
	nodes, err := names(filepath.Join(e.clusterDir(id), "nodes"), "")
	if err != nil {
		return err
	}
	if err := each(nodes, func(name string) error { return e.powerOffMachine(ctx, nodeMachine(id, name)) }); err != nil {
		return err
	}
	return e.powerOffMachine(ctx, controlPlaneMachine(id))
}

func (e *Engine) powerOffMachine(ctx context.Context, machine string) error {
	if err := e.hosts.Stop(ctx, machine, stopGrace); err != nil {
		return err
	}
	return e.group(machine).Remove(ctx)
}

func (e *Engine) saveCluster(record clusterRecord) error {
	return save(filepath.Join(e.clusterDir(record.ID), "cluster.json"), record)
}

// adoptControlPlane brings about what the record says, as it is once the cluster
// is ours: one that was deleted or stopped meanwhile is left alone. ended is told if it doesn't run then.
func (e *Engine) adoptControlPlane(ctx context.Context, id string, ended func()) error {
	defer e.locks.exclusive("cluster/" + id)()
	record, err := e.cluster(id)
	if errors.Is(err, ErrNotFound) || err == nil && record.Stopped {
		return nil
	}
	if err == nil {
		if _, runs, unknown := e.hosts.Running(ctx, controlPlaneMachine(id)); !runs && unknown == nil {
			ended()
		}
		_, err = e.ensureControlPlane(ctx, record.ControlPlane)
	}
	if err != nil {
		return fmt.Errorf("adopting control plane of cluster %s: %w", id, err)
	}
	return nil
}

// adoptNode does the same for a node. Without its control plane it could only wait, and keep whoever starts that waiting: an
// operation that ended both, as the rotation of certificates does, starts them again itself.
func (e *Engine) adoptNode(ctx context.Context, cluster, name string, ended func()) error {
	defer e.locks.shared("cluster/" + cluster)()
	defer e.locks.exclusive("node/" + cluster + "/" + name)()
	record, err := e.cluster(cluster)
	if errors.Is(err, ErrNotFound) || err == nil && record.Stopped {
		return nil
	}
	if err != nil {
		return err
	}
	var n Node
	err = load(filepath.Join(e.nodeDir(cluster, name), "node.json"), &n)
	switch {
	case errors.Is(err, ErrNotFound):
		// Half deleted: the record goes first.
		err = e.deleteNode(ctx, cluster, name)
	case err == nil:
		if _, runs, err := e.hosts.Running(ctx, controlPlaneMachine(cluster)); err != nil || !runs {
			return err
		}
		if _, runs, unknown := e.hosts.Running(ctx, nodeMachine(cluster, name)); !runs && unknown == nil {
			ended()
		}
		err = e.ensureNode(ctx, n)
	}
	if err != nil {
		return fmt.Errorf("adopting node %s of cluster %s: %w", name, cluster, err)
	}
	return nil
}
