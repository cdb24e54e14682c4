// Package probe walks the path that pods' requests take, from a pod of its own: an ordinary one, on the pods' network, without
// rights, one on each node. The agent on the node is ready only when a request of a proven pod has come to it; this is the pod
// that makes sure there is one.
//
// Where the network leads packets past netfilter, the probe's request reaches the node's metadata service and not the agent, so
// that the agent never becomes ready, and the node, if it is made with the startup taint, never takes a pod that could reach the
// service in the same way. No namespace is entered for that, which would take CAP_SYS_ADMIN.
package probe
