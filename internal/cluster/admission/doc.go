// Package admission is mic's validating webhook: the API server asks it about
// every AzureIdentity and AzureIdentityBinding that is written.
//
// It stands beside assign and above match, by whose rules it answers. It refuses
// what no pod could ever be given, in words that say what to write instead, and
// warns, through kubectl, of what works and is hardly meant: bindings that make
// the token requests of their pods ambiguous, names that lead nowhere.
//
// It guarantees: an object that was stored before is refused only if its spec
// changes; nothing is refused because of another object, so that the order in
// which manifests are applied doesn't matter; a warning names no object of
// another namespace. Certificates are made by each replica for itself, live in
// its memory, and are announced to the API server in the caBundle of the
// ValidatingWebhookConfiguration.
//
// It guards nothing: with the webhook away (failurePolicy Ignore) the same
// objects are ignored by mic, with an Event and a condition.
package admission
