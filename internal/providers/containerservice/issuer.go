package containerservice

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
)

// issuerURL is the "iss" of a cluster's service account tokens. It ends with a slash, as on AKS: federated credentials
// compare it letter by letter.
func (p *Provider) issuerURL(cluster armid.ID, key string) string {
	return p.IssuerBase + "/" + p.tenant(cluster) + "/" + key + "/"
}

// tenant is the one that the resource's subscription trusts.
func (p *Provider) tenant(id armid.ID) string {
	tenant, _ := p.Directory.TenantOf(id.Subscription())
	return tenant.ID
}

const (
	discoveryPath = ".well-known/openid-configuration"
	keysPath      = "openid/v1/jwks"
)

// completeIssuer shows the issuer of a cluster that publishes one, which new clusters do unless they are told not to.
func (p *Provider) completeIssuer(d document, cluster armid.ID, key string) {
	issuer := d.section("oidcIssuerProfile")
	issuer.fill("enabled", true)
	delete(issuer, "issuerURL")
	if issuer["enabled"] == true {
		issuer["issuerURL"] = p.issuerURL(cluster, key)
	}
}

// validateIssuer checks the issuer against what depends on it.
func validateIssuer(p properties) *rest.Error {
	if p.SecurityProfile.WorkloadIdentity.on() && !p.OIDCIssuerProfile.on() {
		return refused("BadRequest", "Workload identity requires the OIDC issuer: set oidcIssuerProfile.enabled (--enable-oidc-issuer) as well.", "securityProfile.workloadIdentity")
	}
	return nil
}

func issuerCannotBeDisabled() *rest.Error {
	return refused("OIDCIssuerCannotBeDisabled", "OIDC issuer feature cannot be disabled.", "oidcIssuerProfile")
}

// publishKeys keeps the public halves of the cluster's service account keys with it, so that they can be read while its
// API server is away. What changes the keys has to call it.
func (p *Provider) publishKeys(ctx context.Context, w *work) error {
	raw, err := p.Engine.ServiceAccountKeys(ctx, w.state.Key)
	if err != nil {
		return err
	}
	if string(raw) == string(w.state.IssuerKeys) {
		return nil
	}
	return w.updateState(ctx, func(s *state) { s.IssuerKeys = raw })
}

// Issuers serves the discovery documents and keys of all clusters that publish theirs, below the path of IssuerBase, to
// everybody: there is nothing in them that isn't public.
func (p *Provider) Issuers() http.Handler { return http.HandlerFunc(p.serveIssuer) }

func (p *Provider) serveIssuer(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "issuers are only read", http.StatusMethodNotAllowed)
		return
	}
	// /oidc/TENANT/KEY/DOCUMENT
	parts := strings.SplitN(strings.TrimPrefix(r.URL.Path, "/"), "/", 4)
	if len(parts) != 4 || parts[3] != discoveryPath && parts[3] != keysPath {
		http.NotFound(w, r)
		return
	}
	cluster, s, err := p.issuing(r.Context(), parts[1], parts[2])
	switch {
	case err != nil:
		p.Log.ErrorContext(r.Context(), "looking for an issuer", "error", err)
		http.Error(w, "the issuer can't be looked up now", http.StatusServiceUnavailable)
		return
	case s == nil:
		http.NotFound(w, r)
		return
	}
	document := []byte(s.IssuerKeys)
	if parts[3] == discoveryPath {
		document, err = json.Marshal(discovery{
			Issuer: p.issuerURL(cluster, s.Key), KeysURL: p.issuerURL(cluster, s.Key) + keysPath,
			ResponseTypes: []string{"id_token"}, SubjectTypes: []string{"public"}, Algorithms: []string{"RS256"},
		})
		if err != nil {
			http.Error(w, "the discovery document can't be written", http.StatusInternalServerError)
			return
		}
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "public, max-age=60")
	_, _ = w.Write(document)
}

// discovery is what relying parties need of OpenID Connect's discovery document.
type discovery struct {
	Issuer        string   `json:"issuer"`
	KeysURL       string   `json:"jwks_uri"`
	ResponseTypes []string `json:"response_types_supported"`
	SubjectTypes  []string `json:"subject_types_supported"`
	Algorithms    []string `json:"id_token_signing_alg_values_supported"`
}

// issuing finds the cluster behind an issuer, nil if there is none that publishes.
func (p *Provider) issuing(ctx context.Context, tenant, key string) (armid.ID, *state, error) {
	cluster, s, err := p.keyed(ctx, key)
	if err != nil || cluster == nil || tenant != p.tenant(cluster.ID) {
		return armid.ID{}, nil, err
	}
	is, err := resource.Read[properties](cluster)
	if err != nil || !is.OIDCIssuerProfile.on() || len(s.IssuerKeys) == 0 {
		return armid.ID{}, nil, err
	}
	return cluster.ID, &s, nil
}
