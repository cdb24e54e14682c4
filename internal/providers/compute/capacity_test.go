package compute_test

import (
	"encoding/json"
	"testing"

	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/providers/compute"
)

// What a write of a scale set may say is what pools are scaled by: one that was taken and can't be read would stop that.
func TestCapacityInQuotesIsRead(t *testing.T) {
	for sku, want := range map[string]int{
		``: -1, `null`: -1, `{}`: -1, `{"capacity":null}`: -1, `{"capacity":0}`: 0, `{"capacity":3}`: 3, `{"Capacity":"3"}`: 3,
	} {
		got, leaving, err := compute.Wanted(&resource.Resource{SKU: json.RawMessage(sku)})
		if got != want || len(leaving) != 0 || err != nil {
			t.Errorf("%s: %d %v, %v", sku, got, leaving, err)
		}
	}
}
