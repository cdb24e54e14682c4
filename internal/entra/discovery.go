package entra

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/lanyard-project/lanyard/internal/tokens"
)

// document is OpenID Connect's discovery document, in the order in which Entra
// writes it. Only what exists is listed: there is no user info endpoint.
type document struct {
	TokenEndpoint         string   `json:"token_endpoint"`
	AuthMethods           []string `json:"token_endpoint_auth_methods_supported"`
	JWKS                  string   `json:"jwks_uri"`
	ResponseModes         []string `json:"response_modes_supported"`
	SubjectTypes          []string `json:"subject_types_supported"`
	SigningAlgorithms     []string `json:"id_token_signing_alg_values_supported"`
	ResponseTypes         []string `json:"response_types_supported"`
	Scopes                []string `json:"scopes_supported"`
	Issuer                string   `json:"issuer"`
	MultiRefresh          bool     `json:"microsoft_multi_refresh_token,omitempty"` // v1
	RequestURI            bool     `json:"request_uri_parameter_supported"`
	AuthorizationEndpoint string   `json:"authorization_endpoint"`
	DeviceEndpoint        string   `json:"device_authorization_endpoint"`
	HTTPLogout            bool     `json:"http_logout_supported"`
	FrontchannelLogout    bool     `json:"frontchannel_logout_supported"`
	EndSession            string   `json:"end_session_endpoint"`
	Claims                []string `json:"claims_supported"`
	Region                string   `json:"tenant_region_scope"`
	Cloud                 string   `json:"cloud_instance_name"`
	MSGraphHost           string   `json:"msgraph_host"`
}

func (s *Service) handleDiscovery(v2 bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		c := s.begin(w, r)
		origin := s.originOf(r.Host)
		name := r.PathValue("tenant")
		issuerTenant := name
		switch strings.ToLower(name) {
		case "common", "organizations", "consumers":
			// Which tenant it will be is known with the sign-in only.
			issuerTenant = "{tenantid}"
		case adfs:
		default:
			tenant, refused := s.findTenant(name, invalidTenant)
			if refused != nil {
				c.refuse(refused)
				return
			}
			// A domain in the URL is answered with the tenant's ID, as the tokens have it.
			name, issuerTenant = tenant.ID, tenant.ID
		}
		c.public()
		c.answer(http.StatusOK, describe(origin, name, issuerTenant, v2))
	}
}

// handleDomain is where az login --tenant asks, below the authority of custom clouds,
// for the tenant that has a domain.
func (s *Service) handleDomain(w http.ResponseWriter, r *http.Request) {
	if !strings.EqualFold(r.PathValue("authority"), adfs) {
		http.NotFound(w, r)
		return
	}
	s.handleDiscovery(false)(w, r)
}

func describe(origin, name, issuerTenant string, v2 bool) document {
	version, infix := tokens.V1, ""
	if v2 {
		version, infix = tokens.V2, "/v2.0"
	}
	base := origin + "/" + name
	d := document{
		TokenEndpoint:         base + "/oauth2" + infix + "/token",
		AuthMethods:           []string{"client_secret_post", "private_key_jwt", "client_secret_basic"},
		JWKS:                  base + "/discovery" + infix + "/keys",
		ResponseModes:         []string{"query", "fragment", "form_post"},
		SubjectTypes:          []string{"pairwise"},
		SigningAlgorithms:     []string{"RS256"},
		ResponseTypes:         []string{"code", "id_token", "code id_token", "id_token token"},
		Scopes:                []string{"openid", "profile", "email", "offline_access"},
		Issuer:                tokens.IssuerOf(origin, issuerTenant, version),
		MultiRefresh:          !v2,
		AuthorizationEndpoint: base + "/oauth2" + infix + "/authorize",
		DeviceEndpoint:        base + "/oauth2" + infix + "/devicecode",
		HTTPLogout:            true,
		FrontchannelLogout:    true,
		EndSession:            base + "/oauth2" + infix + "/logout",
		Claims: []string{"sub", "iss", "cloud_instance_name", "cloud_instance_host_name", "cloud_graph_host_name", "msgraph_host", "aud", "exp", "iat",
			"auth_time", "acr", "nonce", "preferred_username", "name", "tid", "ver", "at_hash", "c_hash", "email"},
		Region: "WW",
		Cloud:  host(origin),
		// Graph is served by the same front.
		MSGraphHost: host(origin),
	}
	if name == adfs {
		d.Issuer = origin + "/" + adfs
	}
	return d
}

func host(origin string) string {
	parsed, err := url.Parse(origin)
	if err != nil {
		return origin // unreachable: New has parsed it
	}
	return parsed.Host
}
