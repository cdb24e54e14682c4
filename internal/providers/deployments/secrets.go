package deployments

import (
	"encoding/json"
	"fmt"
	"maps"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/providers/deployments/expression"
)

// A deployment needs its parameters until it has ended, also after a restart. The
// values of secure ones are sealed meanwhile, each deployment's for itself, and
// forgotten then.

// keep puts the values of parameters into the state.
func (p *Provider) keep(s *state, id armid.ID, declared map[string]parameter, values map[string]any) (err error) {
	open, secret := map[string]any{}, map[string]any{}
	for name, value := range values {
		if declared[name].secure() {
			secret[name] = value
		} else {
			open[name] = value
		}
	}
	if s.Parameters, err = json.Marshal(open); err != nil {
		return fmt.Errorf("keeping parameters: %w", err)
	}
	if len(secret) == 0 {
		return nil
	}
	plain, err := json.Marshal(secret)
	if err != nil {
		return fmt.Errorf("keeping secure parameters: %w", err)
	}
	s.Secure = p.cfg.Box.Seal(plain, sealContext(id))
	return nil
}

// parameters are the values in the state, the secure ones as well.
func (p *Provider) parameters(s state, id armid.ID) (map[string]any, error) {
	values := map[string]any{}
	kept := []json.RawMessage{s.Parameters}
	if len(s.Secure) > 0 {
		plain, err := p.cfg.Box.Open(s.Secure, sealContext(id))
		if err != nil {
			return nil, fmt.Errorf("reading secure parameters: %w", err)
		}
		kept = append(kept, plain)
	}
	for _, raw := range kept {
		if len(raw) == 0 {
			continue
		}
		// Numbers keep all their digits, as in what the caller sent.
		decoded, err := expression.Decode(raw)
		if err != nil {
			return nil, fmt.Errorf("reading parameters: %w", err)
		}
		some, _ := decoded.(map[string]any)
		maps.Copy(values, some)
	}
	return values, nil
}

func sealContext(id armid.ID) string { return "deployments" + id.Key() }
