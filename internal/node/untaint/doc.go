// Package untaint lets a new node's pods in when the node's agent is ready: it takes the startup taint off a node on which a pod of
// nmi is ready. It runs once in a cluster, as a Deployment, and not in the agent: whoever may change a node's taints may change
// every node's (Kubernetes can't tie the right to one), so no node has that right.
//
// It takes off one taint, by its key, and changes nothing else; the chart has an admission policy that holds it to that. It never
// puts the taint on: nodes are made with it. A node whose agent isn't ready any more keeps its pods: rules of the redirect
// that stay do what is needed.
package untaint
