// Package azure talks to the Resource Manager and to Microsoft Graph.
//
// It is a thin layer on the official Azure SDK for Go: azcore's pipeline signs in,
// retries, registers resource providers and follows long-running operations. Documents
// stay JSON in the service's own form instead of becoming the SDK's types, since
// commands read a resource, change a part and send the whole back: what this program
// doesn't know must survive that.
package azure
