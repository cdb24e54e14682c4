package containerservice

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"

	"github.com/lanyard-project/lanyard/internal/arm/resource"
)

// state is what the provider keeps with a cluster and never shows.
type state struct {
	// Key names this cluster for the engine: a cluster that is deleted and made again under the same name is another.
	Key    string `json:"key"`
	Unique string `json:"unique"` // in the FQDN
	Digits string `json:"digits"` // in the names of scale sets and networks
	// Port is the loopback port that is relayed to the API server. It is kept: kubeconfigs name it.
	Port int `json:"port,omitempty"`
	// Address is the API server's in the virtual network.
	Address string `json:"address,omitempty"`
	// Pools are the instances that there are, or were and aren't cleaned away yet, by pool.
	Pools map[string]poolState `json:"pools,omitempty"`
	// Going are the profiles of pools that are being deleted: they are shown until nothing of them is left.
	Going map[string]json.RawMessage `json:"going,omitempty"`
	// ClientID is the service principal's, and Secret its secret, sealed. They stay as long as nodes work as it.
	ClientID string `json:"clientId,omitempty"`
	Secret   []byte `json:"secret,omitempty"`
	// GuardSecret is what the API server shows when it asks about users, sealed.
	GuardSecret []byte `json:"guardSecret,omitempty"`
	// Retired are principals that the control plane no longer acts as, and that may still have its role.
	Retired []string `json:"retired,omitempty"`
	// Ranges are the nodes' parts of the pod range, by node, where pods have no addresses of the subnet: each a /24,
	// counted from the start.
	Ranges map[string]int `json:"ranges,omitempty"`

	// IssuerKeys is the key set that verifies service account tokens.
	IssuerKeys json.RawMessage `json:"issuerKeys,omitempty"`

	// Addons are those that an identity may have been made for.
	Addons []string `json:"addons,omitempty"`

	PodIdentity podIdentityState `json:"podIdentity,omitzero"`

	Connected connectedState `json:"connected,omitzero"`
}

type poolState struct {
	Next      int   `json:"next"` // numbers aren't used twice in a scale set
	Instances []int `json:"instances,omitempty"`
	// Leaving are instances to be removed. They are kept until nothing of them is left, so that a plan that was cut off
	// finds them again.
	Leaving []int `json:"leaving,omitempty"`
	// Surge are instances that take the pods of others while the pool is rolled.
	Surge []int `json:"surge,omitempty"`
	// Model is what instances are to be, Built what each one was made as.
	Model model         `json:"model,omitzero"`
	Built map[int]model `json:"built,omitempty"`
	// Simulated says that there are no machines: Instances are the nodes, and nothing of one that left is to be removed.
	Simulated bool `json:"simulated,omitempty"`
	// Capacity is what the service last wrote as the scale set's capacity, or took over from it. Another one was written
	// by somebody who scales the pool by its scale set.
	Capacity int `json:"capacity,omitempty"`
	// Placed are the identities that the service itself put on the scale set.
	Placed []string `json:"placed,omitempty"`
}

// present are the instances that run or are to: all but the leaving.
func (s poolState) present() []int { return slices.Concat(s.Instances, s.Surge) }

func newState() state {
	var random [16]byte
	_, _ = rand.Read(random[:]) // never fails
	return state{Key: hex.EncodeToString(random[:12]), Unique: hex.EncodeToString(random[12:])}
}

// retire notes a principal whose role is to be taken back.
func (s *state) retire(principal string) {
	if principal != "" && !slices.Contains(s.Retired, principal) {
		s.Retired = append(s.Retired, principal)
	}
}

func readState(r *resource.Resource) (state, error) { return resource.ReadInternal[state](r) }

// want changes the pool's instances to count: new ones get the next numbers, the newest leave first. What an operation
// that was cut off left of its surge leaves as well.
func (s poolState) want(count int) poolState {
	s = s.clone()
	s.Leaving, s.Surge = append(s.Leaving, s.Surge...), nil
	for len(s.Instances) < count {
		s.Instances = append(s.Instances, s.take())
	}
	for len(s.Instances) > count {
		last := len(s.Instances) - 1
		s.Leaving = append(s.Leaving, s.Instances[last])
		s.Instances = s.Instances[:last]
	}
	if s.Simulated {
		s.Leaving, s.Built = nil, nil
	}
	return s
}

// take gives out the next number, for an instance of the pool's model.
func (s *poolState) take() int {
	number := s.Next
	s.Next++
	s.Built[number] = s.Model
	return number
}

// clone returns a copy that shares nothing that is changed in place.
func (s poolState) clone() poolState {
	s.Instances, s.Leaving, s.Surge = slices.Clone(s.Instances), slices.Clone(s.Leaving), slices.Clone(s.Surge)
	s.Placed = slices.Clone(s.Placed)
	if s.Built = maps.Clone(s.Built); s.Built == nil {
		s.Built = map[int]model{}
	}
	return s
}

// takeRange gives a node the first free part of the pod range, or the one that it has.
func (s *state) takeRange(node string) int {
	if n, ok := s.Ranges[node]; ok {
		return n
	}
	used := map[int]bool{}
	for _, n := range s.Ranges {
		used[n] = true
	}
	n := 0
	for used[n] {
		n++
	}
	if s.Ranges == nil {
		s.Ranges = map[string]int{}
	}
	s.Ranges[node] = n
	return n
}

// poolNames are the pools that anything may be left of, in a steady order.
func (s state) poolNames() []string { return slices.Sorted(maps.Keys(s.Pools)) }
