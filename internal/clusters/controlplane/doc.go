// Package controlplane says what the control plane of a cluster is made of:
// kube-apiserver, kube-controller-manager and kube-scheduler as one machine
// that lives in the network namespace of the cluster's VNet.
//
// It stands below clusters and above machine and pki.
//
// What it guarantees. Each program has a client certificate of its own with
// Kubernetes' built-in role for it; none is in system:masters. Requests are
// authorised by Node and RBAC, and by a guard if there is one; anonymous ones are refused. The cluster reads
// and writes one prefix of etcd, with the credentials it was given.
//
// What it doesn't. It keeps no audit log, and it does not run etcd.
package controlplane
