// Package kubeguard is what the API servers of clusters with Microsoft Entra integration ask: who a bearer token speaks
// for, and whether he may do something by Azure's role assignments. AKS has the same part beside each of its API servers.
//
//	kubectl ──token──► kube-apiserver ──TokenReview──────────► Guard: authenticate.go → tokens, directory
//	                                  ──SubjectAccessReview──► Guard: authorize.go    → rbac
//
// It stands beside imdsserver: containerservice, above it, says which clusters there are and how they prove themselves,
// and the platform serves it inside virtual networks alone.
//
// What it guarantees. Only an API server that shows its own cluster's secret is answered. A token counts if our token
// service signed it for the AKS server application and it is of the cluster's tenant; groups are those of the directory
// at this moment, not those of the token's, so that leaving a group is felt at once and no token names too many. Azure's
// roles are asked for data actions at the scope of the cluster, or of the namespace below it. It has no opinion of users
// that Entra doesn't know: those are Kubernetes' own matter.
//
// What it doesn't. It never denies what Kubernetes' own roles allow: as on AKS, both are asked and one suffices.
package kubeguard
