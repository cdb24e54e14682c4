package directory

import (
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"time"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
)

// Type is what a service principal stands for.
type Type string

// The types, in Graph's words.
const (
	TypeApplication     Type = "Application"
	TypeManagedIdentity Type = "ManagedIdentity"
)

// ServicePrincipal is an identity that tokens are issued to.
type ServicePrincipal struct {
	ObjectID         string    `json:"objectId"` // what roles are assigned to
	AppID            string    `json:"appId"`    // the client ID
	TenantID         string    `json:"tenantId"`
	DisplayName      string    `json:"displayName"`
	Type             Type      `json:"type"`
	Disabled         bool      `json:"disabled,omitempty"`
	AlternativeNames []string  `json:"alternativeNames,omitempty"`
	Names            []string  `json:"servicePrincipalNames"`
	Created          time.Time `json:"created"`

	// ResourceID is a managed identity's resource as xms_mirid names it; empty for applications.
	ResourceID string `json:"resourceId,omitempty"`
	// Explicit tells a user-assigned identity from a resource's own.
	Explicit bool `json:"explicit,omitempty"`
	// ApplicationObjectID names the application behind an application's principal.
	ApplicationObjectID string `json:"applicationObjectId,omitempty"`
	// Roles are its rights in the directory itself; see Roles.
	Roles []string `json:"roles,omitempty"`
}

// record is a principal in the store, with its credentials.
type record struct {
	ServicePrincipal
	credentials
}

const (
	prefix           = "/lanyard/directory/"
	principalsPrefix = prefix + "principals/"
	byAppPrefix      = prefix + "by-app/"
	byResourcePrefix = prefix + "by-resource"
	tenantsPrefix    = prefix + "tenants/"
	federatedPrefix  = prefix + "federated/"
)

func principalKey(objectID string) string   { return principalsPrefix + strings.ToLower(objectID) }
func appKey(appID string) string            { return byAppPrefix + strings.ToLower(appID) }
func resourceKey(id armid.ID) string        { return byResourcePrefix + id.Key() }
func tenantKey(tenantID string) string      { return tenantsPrefix + strings.ToLower(tenantID) }
func isPrincipal(key string) (string, bool) { return strings.CutPrefix(key, principalsPrefix) }

// claimID is a resource ID as tokens and Graph write it: with "resourcegroups" in lower case.
func claimID(id armid.ID) string {
	group := id.ResourceGroupID()
	if group.IsZero() {
		return id.String()
	}
	return "/subscriptions/" + id.Subscription() + "/resourcegroups/" + id.ResourceGroup() + id.String()[len(group.String()):]
}

func alternativeNames(explicit bool, resourceID string) []string {
	if explicit {
		return []string{"isExplicit=True", resourceID}
	}
	return []string{"isExplicit=False", resourceID}
}

func identityNames(appID, objectID string) []string {
	sum := sha256.Sum256([]byte(objectID))
	return []string{appID, "https://identity.azure.net/" + base64.StdEncoding.EncodeToString(sum[:])}
}
