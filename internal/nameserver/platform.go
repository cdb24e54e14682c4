package nameserver

import (
	"context"
	"net/netip"
	"strings"
)

// platformTTL is short: what a name leads to comes and goes with its resource.
const platformTTL = 10

// Service is a service of the cloud that has names of its own, as
// "blob.core.windows.net." has: inside virtual networks they lead to the
// platform's address, where the cloud answers for all of them.
type Service struct {
	// Domain is fully qualified and in lower case.
	Domain string
	// Exists says whether one label below the domain is the name of something; nil
	// stands for a service that is only the domain itself.
	Exists func(ctx context.Context, name string) (bool, error)
}

// platform answers for the cloud's own names.
func (s *Server) platform(ctx context.Context, name string, kind uint16) (found, bool) {
	for _, service := range s.Services {
		if service.Exists == nil {
			if name == service.Domain {
				return s.lead(name, kind), true
			}
			continue
		}
		label, below := strings.CutSuffix(name, "."+service.Domain)
		if !below || label == "" || strings.Contains(label, ".") {
			continue
		}
		exists, err := service.Exists(ctx, label)
		if err != nil {
			s.Log.WarnContext(ctx, "looking up a name of the cloud's services", "name", name, "error", err)
			return found{}, false
		}
		if !exists {
			return found{missing: true}, true
		}
		return s.lead(name, kind), true
	}
	return found{}, false
}

func (s *Server) lead(name string, kind uint16) found {
	return found{answer: addressRecords(name, s.Platform, kind, platformTTL)}
}

// Platform is the address of the cloud inside every virtual network.
func Platform() netip.Addr { return netip.AddrFrom4([4]byte{168, 63, 129, 16}) }
