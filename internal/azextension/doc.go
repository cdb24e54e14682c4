// Package azextension serves az its extension aks-preview: an index in az's own form, and a wheel of ours, so that
// `az extension add --name aks-preview` works with no other host. The extension brings az what it lacks for pod identity:
// --enable-pod-identity, --enable-pod-identity-with-kubenet and --disable-pod-identity of `az aks create` and `update`, and
// `az aks pod-identity`.
//
// The wheel is packed from the Python sources in this folder when the server starts, always to the same bytes. It uses az's
// own code for everything else of a cluster, and nothing outside of az. Pod identity is all that it brings of Microsoft's
// extension of that name.
package azextension
