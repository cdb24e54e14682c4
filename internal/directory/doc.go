// Package directory holds who there is: tenants with their subscriptions, service
// principals of applications and of managed identities, and their credentials.
//
//	providers (an identity is made) → directory ← entra (is this client who it says?) ← imdsserver
//
// An application proves itself with a secret (kept as a salted hash) or with a
// certificate that was registered for it. A managed identity has a certificate that
// nobody outside ever sees: its key lies sealed in the store and signs the
// assertions with which the metadata service asks for tokens. It is valid for 90
// days and replaced after 46; the one before is accepted for a short overlap.
//
// It guarantees that reads of known principals come from memory (fed by a watch),
// that an unknown one is looked for in the store before it is called unknown, and
// that a managed identity made again has new IDs. It has no opinion on rights.
package directory
