// Package brokerapi is what node agents and mic's broker say to each other when an identity isn't one of the node's: the
// words only, so that the agent needs nothing else of mic. It makes no call and decides nothing.
//
// An agent reads the ConfigMap for replicas, connects over TLS, trusting exactly the certificate that the replica announced,
// and posts a [Request] to [TokenPath] with a service account token for [Audience].
package brokerapi
