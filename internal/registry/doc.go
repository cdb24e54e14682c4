// Package registry is the registry service behind Microsoft.ContainerRegistry:
// image layers and manifests on disk, and Azure's token exchange before them.
//
//	Host: NAME.azurecr.io → find the registry's document → firewall
//	  /oauth2/exchange   an Entra token becomes a refresh token of the registry
//	  /oauth2/token      a refresh token, a password or nothing becomes an access token
//	  /v2/…              the CNCF distribution library, which asks guard before it acts
//	  /acr/v1/…          what az acr repository shows, untags and deletes
//
// It stands below edge, which gives it the requests for login servers, and above
// the directory (who exists), authorization (who may) and containerregistry (what
// registries there are).
//
// It guarantees that every operation is decided by the role assignments of that
// moment: an access token only narrows what its holder may do, it never outlives
// the right. Tokens are for one registry, for the life of that registry: one that
// is deleted and made again under the same name doesn't take them. Each registry
// has a folder of its own, so that a digest of one is never an answer of another.
// A layer is in place whole or not at all: it is renamed there after its digest
// was checked.
//
// Layers that no manifest names any more are removed while nobody pushes, an hour
// after somebody who pushes heard of them at the earliest. A push that never ends
// holds that up, for its registry.
//
// It doesn't limit how much is pushed, and has no locks on images: whoever has the
// right may overwrite and delete.
package registry
