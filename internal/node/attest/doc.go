// Package attest tells which pod owns a connection. It comes right after the redirect: the rules there have let a
// connection through to the proven port only from a binding in the set, and go on checking every packet of it.
//
// Here the kernel is asked once more, on the accepted socket itself: the interface on which the connection's first packet
// came in (IP_PKTINFO) and its source address. The pair names the sandbox, or nobody. So an address that a new pod
// inherits while an old pod's connection is still in the queue is not taken for the old pod: interfaces differ.
// [Prover.Still] repeats the question just before a token is written.
//
// What isn't claimed: which container or process of the pod asks. Everything in a pod's network namespace is the pod.
package attest
