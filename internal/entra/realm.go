package entra

import (
	"net/http"
	"strings"
)

type realm struct {
	Version  string `json:"ver"`
	Kind     string `json:"account_type"`
	Domain   string `json:"domain_name"`
	Cloud    string `json:"cloud_instance_name"`
	Audience string `json:"cloud_audience_urn"`
}

// handleRealm tells MSAL, before it sends a password, whose users are signed in
// here: our own tenants' by their passwords, nobody else's.
func (s *Service) handleRealm(w http.ResponseWriter, r *http.Request) {
	c := s.begin(w, r)
	_, domain, _ := strings.Cut(r.PathValue("user"), "@")
	answer := realm{Version: "1.0", Kind: "Unknown", Domain: short(domain), Cloud: host(s.originOf(r.Host)), Audience: "urn:federation:MicrosoftOnline"}
	if tenant, ok := s.options.Directory.Tenant(domain); ok && domain != "" {
		answer.Kind, answer.Domain = "Managed", tenant.Domain
	}
	c.answer(http.StatusOK, answer)
}
