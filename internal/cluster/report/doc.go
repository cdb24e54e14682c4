// Package report writes on AzureIdentity and AzureIdentityBinding objects what
// mic has found out about them: their status, with conditions.
//
// It stands beside assign and scaleset and above match. It decides nothing: it
// reads the objects and the conditions of the assigned identities that came of
// them, and nothing reads what it writes but people and their tools
// (kubectl wait --for=condition=Verified azureidentity/web).
//
// It guarantees that a status is written when it says something new only, a
// second after the news at most, however many pods use the identity. With CRDs
// of aad-pod-identity, which have no status subresource, it writes nothing.
package report
