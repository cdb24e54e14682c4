package resource

import "github.com/lanyard-project/lanyard/internal/arm/armid"

// KeyPrefix is where the store keeps resources: below it every resource stands
// under its ID's key, so that what is below a scope is one range.
const KeyPrefix = "/lanyard/resources"

// StoreKey is the resource's key in the store.
func StoreKey(id armid.ID) string { return KeyPrefix + id.Key() }
