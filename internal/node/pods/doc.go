// Package pods knows the pods of this node, from two sources that answer different questions.
//
// Who sends from an interface and address? The container runtime answers (CRI): its record of a sandbox names the pod,
// its addresses and the host's end of its network cable. [Runtime] follows the runtime's events and keeps [Sandboxes]
// up to date, which tells the redirect which bindings hold. This needs no API server.
//
// What is a pod, beyond its name? The API server answers with labels and service account ([Facts]). They say what a pod
// may have, never who is calling.
//
// A binding is made only if the runtime's record, the kernel's interface and the network plugin's word for it agree: an
// interface pair (veth) of the node's own namespace, not a port of a bridge, by which the node itself reaches the pod's
// address. Whatever is missing leaves the pod unproven, with the reason kept for the log.
package pods
