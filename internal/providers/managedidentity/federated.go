package managedidentity

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"

	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/directory"
	"github.com/lanyard-project/lanyard/internal/providers"
)

// maxFederatedText is how long issuer, subject and audience may be.
const maxFederatedText = 600

// federatedProperties are what a federated identity credential says.
type federatedProperties struct {
	Issuer    string   `json:"issuer"`
	Subject   string   `json:"subject"`
	Audiences []string `json:"audiences"`
}

// federated are the credentials by which tokens of foreign issuers, such as a
// cluster's service account tokens, prove a user-assigned identity.
func (p *Provider) federated() *providers.Type {
	return &providers.Type{
		Namespace:    namespace,
		Name:         "userAssignedIdentities/federatedIdentityCredentials",
		APIVersions:  federatedVersions(),
		Levels:       providers.AtGroup,
		Verbs:        providers.CanGet | providers.CanList | providers.CanPut | providers.CanDelete,
		GroupSegment: "resourcegroups",
		HideState:    true,
		HideSystem:   true,
		NamePattern:  regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_-]{2,119}$`),
		NameRule:     "The name must be 3 to 120 characters long, start with a letter or number, and hold only letters, numbers, hyphens and underscores.",
		Prepare:      prepareFederated,
		Admit:        p.admitFederated,
		Remove:       p.removeFederated,
	}
}

func federatedVersions() []string {
	return []string{"2022-01-31-preview", "2023-01-31", "2023-07-31-preview", "2024-11-30", "2025-01-31-preview", "2025-05-31-preview", "2026-04-30"}
}

func prepareFederated(_ context.Context, r *providers.Request) error {
	props, err := resource.Read[federatedProperties](r.Next)
	if err != nil {
		return rest.InvalidRequestContent(err.Error())
	}
	switch {
	case props.Issuer == "" || props.Subject == "":
		return badFederated("Federated Identity Credential from HTTP body has empty properties")
	case len(props.Audiences) != 1 || props.Audiences[0] == "":
		return badFederated("Federated identity credentials must have exactly one audience.")
	}
	for name, text := range map[string]string{"issuer": props.Issuer, "subject": props.Subject, "audience": props.Audiences[0]} {
		if len(text) > maxFederatedText {
			return badFederated(fmt.Sprintf("The %s of a federated identity credential must not be longer than %d characters.", name, maxFederatedText))
		}
	}
	// The token service compares issuers byte by byte and would ask no other than
	// these for keys, so that one which can never work is refused here.
	if !strings.HasPrefix(props.Issuer, "https://") {
		return badFederated("The issuer of a federated identity credential must be a URL that starts with 'https://'.")
	}
	return nil
}

func (p *Provider) admitFederated(ctx context.Context, r *providers.Request) error {
	parent, err := p.cfg.Resources.Get(ctx, r.Next.ID.Parent())
	if err != nil {
		return rest.NewError(http.StatusNotFound, "ParentResourceNotFound", "The parent user-assigned identity doesn't exist.")
	}
	if r.Attempt > 0 {
		// Somebody wrote under the same identity in this very moment. The service
		// refuses that, and clients take turns (Terraform locks the parent).
		return rest.NewError(http.StatusConflict, "ConcurrentFederatedIdentityCredentialsWritesForSingleManagedIdentity",
			fmt.Sprintf("Too many Federated Identity Credentials are written concurrently for the managed identity '%s'. Concurrent Federated Identity Credentials writes under the same managed identity are not supported.", parent.ID))
	}
	owner, err := Read(parent)
	if err != nil {
		return err
	}
	props, err := resource.Read[federatedProperties](r.Next)
	if err != nil {
		return err
	}
	_, conds, ops, err := p.cfg.Directory.PlanFederated(ctx, owner.PrincipalID, directory.FederatedCredential{
		Name: r.Next.ID.Name(), Issuer: props.Issuer, Subject: props.Subject, Audiences: props.Audiences,
	}, false)
	switch {
	case errors.Is(err, directory.ErrFederatedExists):
		return badFederated("Issuer and subject combination already exists for this Managed Identity.")
	case errors.Is(err, directory.ErrTooManyFederated):
		return badFederated(fmt.Sprintf("Too many Federated Identity Credentials for the managed identity '%s': at most %d are supported. Delete one that isn't needed any more first.", parent.ID, directory.MaxFederated))
	case err != nil:
		return err
	}
	r.Conds, r.Ops = append(r.Conds, conds...), append(r.Ops, ops...)
	return nil
}

func (p *Provider) removeFederated(ctx context.Context, r *providers.Request) error {
	parent, err := p.cfg.Resources.Get(ctx, r.Old.ID.Parent())
	if err != nil {
		return err
	}
	owner, err := Read(parent)
	if err != nil {
		return err
	}
	conds, ops, err := p.cfg.Directory.PlanRemoveFederated(ctx, owner.PrincipalID, r.Old.ID.Name())
	if errors.Is(err, directory.ErrNotFound) {
		return nil
	}
	r.Conds, r.Ops = append(r.Conds, conds...), append(r.Ops, ops...)
	return err
}

func badFederated(message string) *rest.Error {
	return rest.NewError(http.StatusBadRequest, "BadRequest", message)
}
