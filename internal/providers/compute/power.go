package compute

import (
	"context"
	"encoding/json"
	"net/http"
	"regexp"

	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/providers"
)

// Power states, as instance views spell them.
const (
	running     = "running"
	stopped     = "stopped"
	deallocated = "deallocated"
)

func machineName() *regexp.Regexp {
	return regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]{0,62}[A-Za-z0-9])?$`)
}

// power is what a machine's document keeps of its power state.
type power struct {
	State string `json:"power,omitempty"`
}

// powerOf reads a machine's power state; one that was never switched runs.
func powerOf(r *resource.Resource) string {
	kept, err := resource.ReadInternal[power](r)
	if err != nil || kept.State == "" {
		return running
	}
	return kept.State
}

// setPower keeps a machine's power state beside what else we keep of it.
func setPower(r *resource.Resource, state string) error {
	kept := map[string]json.RawMessage{}
	if len(r.Internal) > 0 {
		if err := json.Unmarshal(r.Internal, &kept); err != nil {
			return err
		}
	}
	raw, err := json.Marshal(state)
	if err != nil {
		return err
	}
	kept["power"] = raw
	return r.SetInternal(kept)
}

// powerActions switch a machine.
func powerActions() []providers.Action {
	var out []providers.Action
	for name, state := range map[string]string{
		"start": running, "restart": running, "redeploy": running, "reimage": running, "powerOff": stopped, "deallocate": deallocated, "reapply": "", "generalize": "",
	} {
		out = append(out, providers.Action{Name: name, Run: func(_ context.Context, r *providers.Request) (rest.Response, error) {
			next := r.Old.Clone()
			r.Next = next
			if state == "" {
				return rest.Empty(http.StatusOK), nil
			}
			return rest.Empty(http.StatusOK), setPower(next, state)
		}})
	}
	return out
}

// machineView is the instance view of a machine.
func machineView(_ context.Context, r *providers.Request) (rest.Response, error) {
	return rest.OK(viewOf(r.Old)), nil
}

func viewOf(r *resource.Resource) map[string]any {
	state := powerOf(r)
	return map[string]any{
		"statuses": []status{provisioned(r), {Code: "PowerState/" + state, Level: "Info", DisplayStatus: "VM " + state}},
	}
}
