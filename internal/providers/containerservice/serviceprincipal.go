package containerservice

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/directory"
	"github.com/lanyard-project/lanyard/internal/providers"
	"github.com/lanyard-project/lanyard/internal/secret"
)

// longestSecret is AKS's limit for the secret of a service principal.
const longestSecret = 190

// servicePrincipalLifetime is that of the secret of a service principal that AKS makes on the user's behalf.
const servicePrincipalLifetime = 365 * 24 * time.Hour

// takeSecret moves the secret out of the document, where everybody who may read the cluster would see it, into the state,
// sealed. An update that sends another secret, or another application, is refused: that is what
// resetServicePrincipalProfile is for.
func (p *Provider) takeSecret(d document, s *state, before *properties) *rest.Error {
	profile := asObject(d["servicePrincipalProfile"])
	if profile == nil {
		return nil
	}
	sent := profile.text("secret")
	delete(profile, "secret")
	if before != nil && !strings.EqualFold(before.clientID(), profile.text("clientId")) {
		return changeNotAllowed("servicePrincipalProfile.clientId")
	}
	switch {
	case sent == "" || strings.EqualFold(profile.text("clientId"), managedIdentityClient):
		return nil
	case len(sent) > longestSecret:
		return refused("SPClientSecretTooLongError", fmt.Sprintf("The secret of the service principal has %d characters; at most %d are allowed.", len(sent), longestSecret), "servicePrincipalProfile.secret")
	case before == nil:
		s.ClientID, s.Secret = profile.text("clientId"), p.Box.Seal([]byte(sent), s.Key)
		return nil
	}
	have, err := p.openSecret(*s)
	if err != nil || have.Reveal() != sent {
		return changeNotAllowed("servicePrincipalProfile.secret")
	}
	return nil
}

func (p properties) clientID() string {
	if p.ServicePrincipalProfile == nil {
		return ""
	}
	return p.ServicePrincipalProfile.ClientID
}

func (p *Provider) openSecret(s state) (secret.String, error) {
	plain, err := p.Box.Open(s.Secret, s.Key)
	if err != nil {
		return secret.String{}, fmt.Errorf("opening the service principal's secret: %w", err)
	}
	return secret.New(string(plain)), nil
}

// admitServicePrincipal checks the credential as the token service would, so that a cluster whose secret is wrong or has
// expired says so at once.
func (p *Provider) admitServicePrincipal(ctx context.Context, cluster armid.ID, clientID string, presented secret.String) error {
	application, err := p.Directory.ByAppID(ctx, clientID)
	if errors.Is(err, directory.ErrNotFound) || err == nil && (application.Type != directory.TypeApplication || application.TenantID != p.tenant(cluster)) {
		return refused("ServicePrincipalNotFound", "Service principal clientID: "+clientID+" not found in Active Directory tenant "+p.tenant(cluster)+", Please see https://aka.ms/aks-sp-help for more details.", "servicePrincipalProfile.clientId")
	}
	if err != nil {
		return fmt.Errorf("looking for the service principal: %w", err)
	}
	verdict, err := p.Directory.CheckSecret(ctx, application.ObjectID, presented)
	if err != nil {
		return fmt.Errorf("checking the service principal's secret: %w", err)
	}
	switch verdict {
	case directory.SecretGood:
		return nil
	case directory.SecretExpired:
		return servicePrincipalInvalid(7000222, "The provided client secret keys for app '"+clientID+"' are expired. Visit the Azure portal to create new keys for your app: https://aka.ms/NewClientSecret, or consider using certificate credentials for added security: https://aka.ms/certCreds.")
	default:
		return servicePrincipalInvalid(7000215, "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '"+clientID+"'.")
	}
}

func servicePrincipalInvalid(code int, text string) *rest.Error {
	body, err := json.Marshal(map[string]any{"error": "invalid_client", "error_description": fmt.Sprintf("AADSTS%d: %s", code, text), "error_codes": []int{code}})
	if err != nil {
		return rest.InternalServerError()
	}
	return refused("ServicePrincipalValidationClientError",
		"The credentials in ServicePrincipalProfile were invalid. Please see https://aka.ms/aks-sp-help for more details. (Details: adal: Refresh request failed. Status Code = '401'. Response body: "+string(body)+")", "servicePrincipalProfile.secret")
}

// ensureServicePrincipal is what AKS did on the user's behalf for a cluster that named no identity at all. The application
// stays when the cluster is deleted, as theirs did.
func (p *Provider) ensureServicePrincipal(ctx context.Context, w *work) error {
	if !none(w.cluster.Identity) || w.is.servicePrincipal() {
		return nil
	}
	application, err := p.ownApplication(ctx, w)
	if err != nil {
		return err
	}
	credential, err := p.Directory.AddSecret(ctx, application.ObjectID, "AKS", servicePrincipalLifetime)
	if err != nil {
		return fmt.Errorf("giving the service principal a secret: %w", err)
	}
	return w.update(ctx, func(r *resource.Resource) error {
		s, err := readState(r)
		if err != nil {
			return err
		}
		s.ClientID, s.Secret = application.AppID, p.Box.Seal([]byte(credential.Value.Reveal()), s.Key)
		if err := r.SetInternal(s); err != nil {
			return err
		}
		return r.Set("servicePrincipalProfile", map[string]string{"clientId": application.AppID})
	})
}

// ownApplication makes the application, or finds the one that an attempt before made.
func (p *Provider) ownApplication(ctx context.Context, w *work) (directory.ServicePrincipal, error) {
	name := w.cluster.ID.Name() + "SP-" + w.state.Unique
	for _, known := range p.Directory.ServicePrincipals(p.tenant(w.cluster.ID)) {
		if known.DisplayName == name {
			return known, nil
		}
	}
	made, err := p.Directory.CreateApplication(ctx, p.tenant(w.cluster.ID), name)
	if err != nil {
		return made, fmt.Errorf("making a service principal: %w", err)
	}
	return made, nil
}

// resetServicePrincipal is what az aks update-credentials --reset-service-principal does: another application, or another
// secret of the same one. Every node gets it.
func (p *Provider) resetServicePrincipal(ctx context.Context, r *providers.Request) (rest.Response, error) {
	if e := running(r.Old); e != nil {
		return rest.Response{}, e
	}
	is, err := resource.Read[properties](r.Old)
	if err != nil {
		return rest.Response{}, err
	}
	if !is.servicePrincipal() {
		return rest.Response{}, refused("ResetServicePrincipalProfileNotAllowed", "Resetting the service principal profile is not allowed: managed cluster '"+r.ID.Name()+"' uses a managed identity.", "servicePrincipalProfile")
	}
	var sent struct {
		ClientID string        `json:"clientId"`
		Secret   secret.String `json:"secret"`
	}
	if err := json.Unmarshal(r.Body, &sent); err != nil {
		return rest.Response{}, rest.InvalidRequestContent(err.Error())
	}
	if sent.ClientID == "" || sent.Secret.Reveal() == "" {
		return rest.Response{}, invalidParameter("servicePrincipalProfile", "clientId and secret are required")
	}
	if len(sent.Secret.Reveal()) > longestSecret {
		return rest.Response{}, refused("SPClientSecretTooLongError", fmt.Sprintf("The secret of the service principal is longer than %d characters.", longestSecret), "servicePrincipalProfile.secret")
	}
	if err := p.admitServicePrincipal(ctx, r.ID, sent.ClientID, sent.Secret); err != nil {
		return rest.Response{}, err
	}
	r.Next = r.Old.Clone()
	s, err := readState(r.Next)
	if err != nil {
		return rest.Response{}, err
	}
	if !strings.EqualFold(is.clientID(), sent.ClientID) {
		old, err := p.controlPlanePrincipal(ctx, r.Old)
		if err != nil {
			return rest.Response{}, err
		}
		s.retire(old)
	}
	s.ClientID, s.Secret = sent.ClientID, p.Box.Seal([]byte(sent.Secret.Reveal()), s.Key)
	if err := r.Next.SetInternal(s); err != nil {
		return rest.Response{}, err
	}
	if err := r.Next.Set("servicePrincipalProfile.clientId", sent.ClientID); err != nil {
		return rest.Response{}, err
	}
	return rest.Empty(http.StatusAccepted), r.Start(planReconcile, nil)
}
