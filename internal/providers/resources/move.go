package resources

import (
	"context"
	"net/http"

	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/providers"
)

// moves are the actions on a group that would move its resources elsewhere. IDs
// are what role assignments, node records and clients' states hang on, so that
// this cloud gives them out once and for all.
func moves() []providers.Action {
	refuse := func(_ context.Context, r *providers.Request) (rest.Response, error) {
		return rest.Response{}, rest.NewError(http.StatusConflict, "ResourceMoveNotSupported",
			"Resources of resource group '"+r.ID.Name()+"' can't be moved to another resource group or subscription. Create them there and delete them here.")
	}
	return []providers.Action{{Name: "moveResources", Run: refuse}, {Name: "validateMoveResources", Run: refuse}}
}
