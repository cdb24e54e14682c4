package registration

import "time"

// The states that clients read.
const (
	NotRegistered = "NotRegistered"
	Registering   = "Registering"
	Registered    = "Registered"
	Unregistering = "Unregistering"
	Unregistered  = "Unregistered"
)

// Takes is how long a registration takes unless the operator says otherwise:
// Azure's minutes would only make people wait, and none at all would hide that
// clients have to.
const Takes = 5 * time.Second

// Record is what is stored of a registration. The zero value says that nobody
// has asked for anything.
type Record struct {
	// State is what was asked for: Registering or Unregistering; once the time has
	// passed it stands for Registered or Unregistered. Older records hold those.
	State string `json:"registrationState,omitempty"`
	// Since is when it was asked for.
	Since time.Time `json:"since,omitzero"`
	// Renewed is when it was last asked for, Since included: registering what is
	// registered changes no state, but brings new features to the provider.
	Renewed time.Time `json:"renewed,omitzero"`
}

// At returns the state at a time, or initial when nobody has asked for anything.
func (r Record) At(now time.Time, takes time.Duration, initial string) string {
	over := !now.Before(r.Since.Add(takes))
	switch {
	case r.State == "":
		return initial
	case r.State == Registering && over:
		return Registered
	case r.State == Unregistering && over:
		return Unregistered
	}
	return r.State
}

// Register returns the record after somebody asked for the registration.
func (r Record) Register(now time.Time, takes time.Duration, initial string) Record {
	r.Renewed = now
	switch r.At(now, takes, initial) {
	case Registering, Registered:
	default:
		r.State, r.Since = Registering, now
	}
	return r
}

// Unregister returns the record after somebody asked for its end.
func (r Record) Unregister(now time.Time, takes time.Duration, initial string) Record {
	switch r.At(now, takes, initial) {
	case Registering, Registered:
		r.State, r.Since, r.Renewed = Unregistering, now, time.Time{}
	}
	return r
}
