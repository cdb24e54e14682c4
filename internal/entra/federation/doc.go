// Package federation finds the public keys of foreign token issuers, by their
// OpenID Connect discovery documents.
//
//	entra (a federated client assertion) → federation → the issuer's discovery document → its key set
//
// Whoever may write a federated credential chooses the URL that is asked here, so
// the package guards what that can reach: https only, no redirect is followed, no
// proxy is used, answers are small and quick or refused, and the address that a
// name resolves to is checked when the connection is made, so that a name can't
// resolve to something harmless first. Private, link-local, loopback and other
// special addresses are refused unless the host was named in the configuration.
// Issuers of our own origin are asked in process, without the network.
//
// Keys are kept for a while, an unknown key ID asks again at most once in a while,
// and a failing issuer is left alone for a moment: nobody can make this service
// knock on an issuer's door as often as he likes.
//
// It doesn't say whether an issuer is trusted: a federated credential does, and
// entra looks at those first.
package federation
