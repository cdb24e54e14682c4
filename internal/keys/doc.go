// Package keys holds the token service's signing keys. A key passes through three
// slots: it is published (the next key: in the key set, not signing yet), it signs,
// it is retired (no longer signing, still in the key set) and finally dropped:
//
//	published for a whole signing period → signs → retired until its last token expired → gone
//
// So a verifier that fetched the key set within a day always knows the key of
// every token in use. The schedule lies in the keys' records, not in the process:
// several replicas, or one that was away for a month, agree on who signs when.
//
// It guarantees that private parts are sealed in the store and that reading (which
// key signs, which keys verify) takes no lock and no I/O. It doesn't revoke issued
// tokens: dropping a compromised key early is Drop, a deliberate act.
package keys
