package entra

import (
	"encoding/base64"
	"math/big"
	"net/http"
	"strings"

	"github.com/lanyard-project/lanyard/internal/keys"
	"github.com/lanyard-project/lanyard/internal/tokens"
)

type keySet struct {
	Keys []publicKey `json:"keys"`
}

type publicKey struct {
	Type   string   `json:"kty"`
	Use    string   `json:"use"`
	ID     string   `json:"kid"`
	X5T    string   `json:"x5t"`
	N      string   `json:"n"`
	E      string   `json:"e"`
	X5C    []string `json:"x5c"`
	Cloud  string   `json:"cloud_instance_name,omitempty"` // v2
	Issuer string   `json:"issuer,omitempty"`              // v2
}

// handleKeys serves all published keys, whatever the tenant: they are the cloud's.
func (s *Service) handleKeys(v2 bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		c := s.begin(w, r)
		name := r.PathValue("tenant")
		issuerTenant := "{tenantid}"
		switch strings.ToLower(name) {
		case "common", "organizations", "consumers", adfs:
		default:
			tenant, refused := s.findTenant(name, invalidTenant)
			if refused != nil {
				c.refuse(refused)
				return
			}
			issuerTenant = tenant.ID
		}
		origin := s.originOf(r.Host)
		set := keySet{Keys: []publicKey{}}
		for _, k := range s.options.Keys.Published() {
			public := render(k)
			if v2 {
				public.Cloud, public.Issuer = host(origin), tokens.IssuerOf(origin, issuerTenant, tokens.V2)
			}
			set.Keys = append(set.Keys, public)
		}
		c.public()
		c.answer(http.StatusOK, set)
	}
}

func render(k *keys.Key) publicKey {
	return publicKey{
		Type: "RSA", Use: "sig", ID: k.ID, X5T: k.ID,
		N:   base64.RawURLEncoding.EncodeToString(k.Public.N.Bytes()),
		E:   base64.RawURLEncoding.EncodeToString(big.NewInt(int64(k.Public.E)).Bytes()),
		X5C: []string{base64.StdEncoding.EncodeToString(k.Certificate)},
	}
}
