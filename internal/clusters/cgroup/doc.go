// Package cgroup keeps a subtree of ours in every cgroup hierarchy of the
// machine, whichever there are: version 1, version 2, or both.
//
// It stands below machine, which puts the processes of a node or a control
// plane into one group and gives them a cgroup namespace rooted there: what
// they see as / is their own group.
//
// What it guarantees. Groups are below our own top group only; Remove ends
// every process in a group before it removes it, also those that no pid file
// knows about, so a group that is gone has left no process behind.
//
// What it doesn't. It sets no limits: those of pods are kubelet's business.
package cgroup
