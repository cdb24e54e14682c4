package entra

import (
	"net/http"
	"net/url"
	"strings"
)

type instances struct {
	DiscoveryEndpoint string     `json:"tenant_discovery_endpoint"`
	APIVersion        string     `json:"api-version"`
	Metadata          []instance `json:"metadata"`
}

type instance struct {
	Network string   `json:"preferred_network"`
	Cache   string   `json:"preferred_cache"`
	Aliases []string `json:"aliases"`
}

// handleInstance answers whether an authority is to be trusted: ours is.
func (s *Service) handleInstance(w http.ResponseWriter, r *http.Request) {
	c := s.begin(w, r)
	asked, err := url.Parse(r.URL.Query().Get("authorization_endpoint"))
	if err != nil || asked.Scheme != "https" {
		c.refuse(instanceUnknown())
		return
	}
	origin, ok := s.origins[strings.ToLower(asked.Host)]
	if !ok {
		c.refuse(instanceUnknown())
		return
	}
	tenant, _, _ := strings.Cut(strings.TrimPrefix(asked.Path, "/"), "/")
	if tenant == "" {
		tenant = "common"
	}
	name := host(origin)
	c.public()
	c.answer(http.StatusOK, instances{
		DiscoveryEndpoint: origin + "/" + url.PathEscape(tenant) + "/v2.0/.well-known/openid-configuration",
		APIVersion:        "1.1",
		Metadata:          []instance{{Network: name, Cache: name, Aliases: []string{name}}},
	})
}
