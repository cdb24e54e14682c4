// Package tokens makes access tokens and reads them back: the claims of Entra's
// v1 and v2 tokens, signed by the ring's current key.
//
//	entra decides who gets a token for what → Issuer.Mint → … → Verifier.Verify → arm/pipeline
//
// The issuer of every token is our own origin (v1 {origin}/{tenant}/, v2
// {origin}/{tenant}/v2.0), so that any OpenID Connect verifier works with the
// discovery document below it.
//
// A verified Caller was named by a published key of ours, for one of the wanted
// audiences, in its time. It says nothing about rights: that is rbac's. A token
// stays good until it expires, whatever happens to its principal; callers who
// need more ask the directory.
package tokens
