// Package cloudconfig reads how mic signs in to Azure and where that is: from the
// cloud provider's file that every node of an Azure cluster has
// (/etc/kubernetes/azure.json), or from environment variables. It makes of it the
// endpoints of the cloud and a credential: a managed identity, or an application
// with a secret, a certificate or a service account token of the cluster.
//
// It makes no call itself; the credential signs in on first use and may fail then,
// as often as the token service isn't there yet.
package cloudconfig
