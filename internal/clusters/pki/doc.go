// Package pki issues the certificates and kubeconfigs of a cluster, each
// program with one of its own.
//
// It stands below controlplane and node, which say what they need, and above
// nothing: it knows certificates and files.
//
// What it guarantees. Private keys are files of mode 0600; a leaf certificate is kept as long as it fits its
// request, its authority and its lifetime, and replaced well before it ends.
// Ensuring twice is ensuring once.
//
// What it doesn't. It revokes nothing: Kubernetes has no revocation for client
// certificates, so what is issued to people is short-lived enough or limited
// by RBAC. Time here is the machine's real one, because the programs that
// check these certificates look at that clock.
package pki
