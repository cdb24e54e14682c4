package compute

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"

	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/providers"
)

// mostInstances is how many a scale set has at most.
const mostInstances = 1000

// leaving is what a set's document keeps of instances that are to go.
type leaving struct {
	Instances []int `json:"leaving,omitempty"`
}

// Wanted reads how many instances a scale set is to have, -1 if it doesn't say, and which have to go. Whoever makes its
// instances follows.
func Wanted(set *resource.Resource) (capacity int, going []int, err error) {
	capacity, says, err := readCapacity(set.SKU)
	if err != nil {
		return 0, nil, fmt.Errorf("reading the capacity of %s: %w", set.ID, err)
	}
	if !says {
		capacity = -1
	}
	kept, err := resource.ReadInternal[leaving](set)
	return capacity, kept.Instances, err
}

// readCapacity reads it out of a size. A number in quotes is one, too.
func readCapacity(sku json.RawMessage) (capacity int, says bool, err error) {
	var size struct {
		Capacity json.Number `json:"capacity"`
	}
	if len(sku) == 0 {
		return 0, false, nil
	}
	if err := json.Unmarshal(sku, &size); err != nil || size.Capacity == "" {
		return 0, false, err
	}
	capacity, err = strconv.Atoi(size.Capacity.String())
	return capacity, true, err
}

// checkCapacity refuses what no scale set has.
func checkCapacity(r *providers.Request) error {
	n, says, err := readCapacity(r.Next.SKU)
	if err != nil && !says {
		return rest.InvalidRequestContent("sku.capacity isn't a number")
	}
	if err != nil || n < 0 || n > mostInstances {
		return rest.NewError(http.StatusBadRequest, "InvalidParameter", fmt.Sprintf("The value of parameter sku.capacity is invalid: it isn't a number from 0 to %d.", mostInstances)).WithTarget("sku.capacity")
	}
	return nil
}

// deleteInstances lets certain instances of a set go, and lowers its capacity by as many.
func (p *Provider) deleteInstances(ctx context.Context, r *providers.Request) (rest.Response, error) {
	var asked struct {
		IDs []string `json:"instanceIds"`
	}
	if err := json.Unmarshal(r.Body, &asked); err != nil || len(asked.IDs) == 0 {
		return rest.Response{}, rest.InvalidRequestContent("The body must be an object with 'instanceIds', a list of at least one instance's ID")
	}
	there, err := p.cfg.Resources.List(ctx, r.Old.ID, instanceType)
	if err != nil {
		return rest.Response{}, err
	}
	var numbers []int
	for _, id := range asked.IDs {
		number, err := strconv.Atoi(id)
		known := slices.ContainsFunc(there, func(i *resource.Resource) bool { return i.ID.Name() == id })
		if err != nil || !known {
			return rest.Response{}, rest.NewError(http.StatusBadRequest, "InvalidParameter", fmt.Sprintf(
				"The provided instanceId %s is not an active Virtual Machine Scale Set VM instanceId.", id)).WithTarget("instanceIds")
		}
		numbers = append(numbers, number)
	}
	r.Next = r.Old.Clone()
	return rest.Empty(http.StatusOK), release(r.Next, there, numbers)
}

func setCapacity(set *resource.Resource, capacity int) error {
	sku := map[string]json.RawMessage{}
	if len(set.SKU) > 0 {
		if err := json.Unmarshal(set.SKU, &sku); err != nil {
			return fmt.Errorf("reading the size of %s: %w", set.ID, err)
		}
	}
	sku["capacity"] = json.RawMessage(strconv.Itoa(capacity))
	raw, err := json.Marshal(sku)
	set.SKU = raw
	return err
}

// keepLeaving writes it beside what else we keep of the set.
func keepLeaving(set *resource.Resource, numbers []int) error {
	kept := map[string]json.RawMessage{}
	if len(set.Internal) > 0 {
		if err := json.Unmarshal(set.Internal, &kept); err != nil {
			return err
		}
	}
	raw, err := json.Marshal(numbers)
	if err != nil {
		return err
	}
	kept["leaving"] = raw
	return set.SetInternal(kept)
}
