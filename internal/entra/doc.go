// Package entra is the token service: who proves to be a service principal gets a
// token for a resource.
//
//	edge → Handler → form → Service.Token → answer        (clients, over TLS)
//	imdsserver → Service.ManagedIdentityToken ↗           (the metadata service, in process)
//
// Service.Token is one pipeline that no request can leave out a step of:
//
//	tenant → grant → client → scope → credential → resource → mint → record
//
//	/{tenant}/oauth2/v2.0/token, /{tenant}/oauth2/token        tokens (token.go, credential.go, assertion.go)
//	/{tenant}[/v2.0]/.well-known/openid-configuration          discovery.go
//	/{tenant}/discovery[/v2.0]/keys                            keyset.go
//	/common/discovery/instance                                 instance.go
//	/adfs/…                                                    the same for "the client's own tenant": an authority
//	                                                           with which MSAL asks no foreign host
//
// It guarantees that the signature algorithm is given by the registered key, never
// by the token; that secrets are compared in constant time; that a managed
// identity's assertion is used once; that errors look like Entra's and hold no
// secret. Assertions of applications may be used again until they expire: MSAL for
// Python does, and Entra accepts it. It knows nothing of rights on resources.
package entra
