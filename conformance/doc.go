// Package conformance drives a running lanyardd with Azure's own clients: the SDKs for Go, azidentity and MSAL, none of them
// changed. It knows nothing of how lanyardd is made: what it sees is what a user's program sees.
//
// The cloud is the one that the environment names (AZURE_AUTHORITY_HOST, AZURE_TENANT_ID, AZURE_SUBSCRIPTION_ID,
// AZURE_CLIENT_ID, AZURE_CLIENT_SECRET, SSL_CERT_FILE: what "lanyard env" prints). Where it names none, the tests start a
// lanyardd from ../build/bin in a temporary folder, and end it.
//
// It doesn't make clusters, which take machines and minutes: test/e2e does.
package conformance
