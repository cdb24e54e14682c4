// Package node says what a cluster's node is made of: containerd, kubelet and
// kube-proxy as one machine in a network namespace of its own, looking like a
// node of AKS to whoever looks from a pod.
//
// It stands below clusters and above machine, vnet and pki.
//
// What it guarantees. The node has what a pod may expect of an AKS node:
// /etc/kubernetes/azure.json, trusted certificates in /etc/ssl/certs,
// containerd's socket in /run/containerd, pods with addresses of the VNet.
// Nothing of the host's files but /usr is in sight. The kubelet and kube-proxy
// have client certificates of their own; the kubelet serves with one of the
// cluster's authority. Everything on it, pods included, ends with its init.
//
// What it doesn't. The VNet has no way out: images come from the cloud's own
// container registries, to which the kubelet signs in as the node's identity
// (registry.go), and what a node needs before that, its pause image for one, is
// imported from files.
package node
