// Package cloudconfig reads the cloud provider's file that every node of an
// Azure cluster has (/etc/kubernetes/azure.json), and makes of it what mic
// needs to call Azure Resource Manager: the endpoints of the cloud and a
// credential. It makes no call itself; the credential signs in on first use
// and may fail then, as often as the instance metadata service isn't there yet.
package cloudconfig
