// Package imagepull is how a node comes to pull from a container registry: it
// proves the node's identity to the registry, and is given a password by which
// docker-style clients pull.
//
//	kubelet ── image ──► Provider ── azure.json ──► instance metadata: a token of the kubelet identity
//	                                 └─────────────► registry: /oauth2/exchange ──► refresh token = password
//
// Provider speaks the kubelet's credential provider API v1; the program
// acr-credential-provider is made of it. Check goes the same way and says how far
// it came, which is what az aks check-acr shows. Exchange alone is also what
// signing in from a command line needs.
//
// It knows a registry by its name alone and sends tokens to nothing else: not to
// where a challenge points. It keeps nothing between two calls: the kubelet does,
// for as long as CacheFor.
package imagepull
