// Package broker tells node agents what the API server says about their own nodes, and gets tokens for those identities that are no
// managed identities of a node: service principals with a secret
// (type 1) or a certificate (type 2), and workload identities (type 3). The node agent asks for a pod; mic answers with an
// access token, so that neither a secret nor a pod's service account token ever reaches a node.
//
// A call walks: TLS → who is the agent, and on which node ([Caller]) → does the pod run there, and may it have the identity →
// credential → token service → answer. The node is a claim in the agent's own service account token, which the API server
// checks; nothing that the agent says about where it runs is believed.
//
// Lists and watches ([brokerapi.ObjectsPath]) go the same way up to the node: → is it a collection that agents read → the node's own
// objects of it, slimmed. Only versions are given out that the API server knows, so any replica goes on where another ended.
//
// It guarantees that an agent gets tokens for pods of its own node only, and for identities that bindings give them at this
// moment; that a secret is read only from the AzureIdentity's own namespace and sent only to a token service that the operator
// named; that a minted service account token has the exchange's audience, is bound to the pod, and leaves mic only towards that
// token service; and that each token is logged with node, pod and identity.
//
// It doesn't remember tokens: the agent does. See docs/adr/0010-who-mints-for-pods.md and docs/adr/0012-entitlements-by-broker.md.
package broker
