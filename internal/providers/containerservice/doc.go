// Package containerservice is the Microsoft.ContainerService resource provider: managed clusters, behind which real
// Kubernetes runs, and their agent pools.
//
// Where it stands: the pipeline calls its hooks with an authenticated, authorised request; Prepare checks and completes
// the document, Admit looks at what exists, and a plan of named steps does the work after the answer has gone out. The
// steps go down to the network, compute, managed identity and authorization providers for everything that is a
// resource, and to the cluster engine for everything that is a process or a namespace.
//
// What it guarantees: each step looks at what is there and makes the difference, and names everything it makes from the
// cluster's own ID; so a plan that was cut off anywhere goes on from the step it was in, makes nothing twice and leaves
// nothing behind. Deleting removes what creating made, in the opposite order; brought virtual networks and identities
// are kept.
//
// What it doesn't: features of AKS that this provider has no engine for are refused by name, never stored as if they
// worked.
package containerservice
