package imdsserver

import (
	"context"
	"net/netip"
	"time"

	"github.com/lanyard-project/lanyard/internal/imds"
	"github.com/lanyard-project/lanyard/internal/obs/record"
)

// Outcome is how a token request ended.
type Outcome string

const (
	OutcomeIssued        Outcome = "issued"
	OutcomeNoIdentity    Outcome = "no-identity" // none, several without a selector, or not on the scale set
	OutcomeRefused       Outcome = "refused"     // by the token service
	OutcomeThrottled     Outcome = "throttled"
	OutcomeFailed        Outcome = "failed"
	OutcomeUnknownCaller Outcome = "unknown-caller"
)

// Decision is one line of the record: who asked for what, and got which token, by name only.
type Decision struct {
	Time      time.Time
	VNet      string
	Address   netip.Addr
	Path      string
	Machine   string
	Selector  imds.Selector
	Resource  string
	Identity  Identity
	Outcome   Outcome
	Reason    string
	Cached    bool
	TokenID   string
	ExpiresOn time.Time
}

func (s *Server) decide(ctx context.Context, d Decision) {
	d.Time = s.clock.Now()
	s.record(ctx, d)
}

// Entry is the decision as the record of tokens keeps it.
func (d Decision) Entry() record.Token {
	return record.Token{
		Via: "metadata", TenantID: d.Identity.TenantID, AppID: d.Identity.ClientID, ObjectID: d.Identity.PrincipalID, Resource: d.Resource,
		Host: d.Machine, Issued: d.Outcome == OutcomeIssued, Cached: d.Cached, TokenID: d.TokenID, Expires: d.ExpiresOn,
		Reason: d.reason(), Remote: d.Address.String(),
	}
}

func (d Decision) reason() string {
	if d.Outcome == OutcomeIssued {
		return ""
	}
	if d.Reason == "" {
		return string(d.Outcome)
	}
	return string(d.Outcome) + ": " + d.Reason
}
