package containerservice

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/lanyard-project/lanyard/internal/arm/resource"
)

// firstETag is the API version that shows clusters' entity tags first.
const firstETag = "2024-09-01"

// render adds to a cluster's document what isn't stored in it.
func (p *Provider) render(_ context.Context, r *resource.Resource, apiVersion string) error {
	if apiVersion < firstETag {
		return nil
	}
	tag, err := json.Marshal(strings.Trim(resource.ETag(r.Revision), `"`))
	if err != nil {
		return fmt.Errorf("writing the entity tag: %w", err)
	}
	if r.Extra == nil {
		r.Extra = map[string]json.RawMessage{}
	}
	r.Extra["eTag"] = tag
	return nil
}
