package login

import (
	"encoding/json"
	"fmt"

	"github.com/lanyard-project/lanyard/internal/cli/value"
)

// cloudFile is a Cloud as it is read: objects keep their order only when they are
// decoded by package value.
type cloudFile struct {
	Name                 string          `json:"name"`
	Profile              string          `json:"profile"`
	Endpoints            json.RawMessage `json:"endpoints"`
	Suffixes             json.RawMessage `json:"suffixes"`
	CertificateAuthority string          `json:"certificateAuthority"`
}

func decodeClouds(data []byte) ([]*Cloud, error) {
	var raw []cloudFile
	if err := json.Unmarshal(data, &raw); err != nil {
		return nil, err
	}
	return toClouds(raw)
}

func toClouds(raw []cloudFile) ([]*Cloud, error) {
	clouds := make([]*Cloud, len(raw))
	for i, r := range raw {
		endpoints, err := object(r.Endpoints)
		if err != nil {
			return nil, fmt.Errorf("reading cloud %s: %w", r.Name, err)
		}
		suffixes, err := object(r.Suffixes)
		if err != nil {
			return nil, fmt.Errorf("reading cloud %s: %w", r.Name, err)
		}
		clouds[i] = &Cloud{Name: r.Name, Profile: r.Profile, Endpoints: endpoints, Suffixes: suffixes, CertificateAuthority: r.CertificateAuthority}
	}
	return clouds, nil
}

func object(raw json.RawMessage) (*value.Object, error) {
	if len(raw) == 0 {
		return value.NewObject(), nil
	}
	v, err := value.Decode(raw)
	if err != nil {
		return nil, err
	}
	o, ok := v.(*value.Object)
	if !ok {
		return nil, fmt.Errorf("an object is needed, not %s", raw)
	}
	return o, nil
}
