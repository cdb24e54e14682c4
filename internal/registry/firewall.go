package registry

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"

	"github.com/lanyard-project/lanyard/internal/providers/containerregistry"
)

// admit refuses clients whose address the registry's network rules leave out.
func admit(req *http.Request, r *containerregistry.Registry) error {
	if r.Public && len(r.AllowedAddresses) == 0 && !r.DenyOthers {
		return nil
	}
	host, _, err := net.SplitHostPort(req.RemoteAddr)
	if err != nil {
		return fmt.Errorf("reading the client's address: %w", err)
	}
	address, err := netip.ParseAddr(host)
	if err != nil {
		return fmt.Errorf("reading the client's address: %w", err)
	}
	if r.Public {
		if !r.DenyOthers {
			return nil
		}
		for _, allowed := range r.AllowedAddresses {
			if allowed.Contains(address.Unmap()) {
				return nil
			}
		}
	}
	return &problem{status: http.StatusForbidden, Code: "DENIED", Message: fmt.Sprintf(
		"client with IP '%s' is not allowed access. Refer https://aka.ms/acr/firewall to grant access.", host)}
}
