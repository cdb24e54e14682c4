package graph

import (
	"encoding/json"
	"errors"
	"net/http"
	"regexp"

	"github.com/lanyard-project/lanyard/internal/directory"
	"github.com/lanyard-project/lanyard/internal/entra/federation"
)

// maxFederatedText is how long issuer, subject and audience may be.
const maxFederatedText = 600

func (s *Service) listFederated(r *request) (answer, error) {
	found, err := s.application(r)
	if err != nil {
		return answer{}, err
	}
	q, refused := parseQuery(r.URL.RawQuery)
	if refused != nil {
		return answer{}, refused
	}
	type credential = directory.FederatedCredential
	matches, refused := (&entity[credential]{name: "FederatedIdentityCredential", properties: []property[credential]{
		one("id", func(c credential) string { return c.ID }),
		one("name", func(c credential) string { return c.Name }),
		one("issuer", func(c credential) string { return c.Issuer }),
		one("subject", func(c credential) string { return c.Subject }),
	}}).compile(q.filter)
	if refused != nil {
		return answer{}, refused
	}
	var shown []credential
	for _, c := range s.options.Directory.FederatedCredentials(found.ObjectID) {
		if matches(c) {
			shown = append(shown, c)
		}
	}
	return listed(r, q, "federatedIdentityCredential", "applications('"+found.ObjectID+"')/federatedIdentityCredentials", shown,
		func(c credential) string { return c.ID }, federatedDocument)
}

// federated is the credential that the path names, by ID or name.
func (s *Service) federated(r *request, ownerID string) (directory.FederatedCredential, error) {
	id := r.PathValue("fic")
	for _, c := range s.options.Directory.FederatedCredentials(ownerID) {
		if c.Named(id) {
			return c, nil
		}
	}
	return directory.FederatedCredential{}, notFound(id)
}

func (s *Service) getFederated(r *request) (answer, error) {
	application, err := s.application(r)
	if err != nil {
		return answer{}, err
	}
	found, err := s.federated(r, application.ObjectID)
	if err != nil {
		return answer{}, err
	}
	return answer{http.StatusOK, r.entityOf("applications('"+application.ObjectID+"')/federatedIdentityCredentials", federatedDocument(found))}, nil
}

func (s *Service) createFederated(r *request) (answer, error) {
	application, err := s.changedApplication(r)
	if err != nil {
		return answer{}, err
	}
	members, err := r.body()
	if err != nil {
		return answer{}, err
	}
	var next directory.FederatedCredential
	if err := readFederated(members, &next); err != nil {
		return answer{}, err
	}
	made, err := s.options.Directory.SetFederated(r.Context(), application.ObjectID, next, true)
	if errors.Is(err, directory.ErrFederatedExists) {
		return answer{}, conflict("FederatedIdentityCredential with issuer '" + next.Issuer + "' and subject '" + next.Subject + "' exists already")
	}
	if err != nil {
		return answer{}, said(err, application.ObjectID)
	}
	return answer{http.StatusCreated, r.entityOf("applications('"+application.ObjectID+"')/federatedIdentityCredentials", federatedDocument(made))}, nil
}

func (s *Service) updateFederated(r *request) (answer, error) {
	application, err := s.changedApplication(r)
	if err != nil {
		return answer{}, err
	}
	next, err := s.federated(r, application.ObjectID)
	if err != nil {
		return answer{}, err
	}
	name := next.Name
	members, err := r.body()
	if err != nil {
		return answer{}, err
	}
	if err := readFederated(members, &next); err != nil {
		return answer{}, err
	}
	if next.Name != name {
		return answer{}, badRequest("The name of a federated identity credential can't be changed.")
	}
	_, err = s.options.Directory.SetFederated(r.Context(), application.ObjectID, next, false)
	return done(), said(err, application.ObjectID)
}

func (s *Service) deleteFederated(r *request) (answer, error) {
	application, err := s.changedApplication(r)
	if err != nil {
		return answer{}, err
	}
	id := r.PathValue("fic")
	return done(), said(s.options.Directory.RemoveFederated(r.Context(), application.ObjectID, id), id)
}

func readFederated(members map[string]json.RawMessage, into *directory.FederatedCredential) error {
	var description *string
	if given, err := take(members, "description", &description); err != nil {
		return err
	} else if given && description != nil {
		into.Description = *description
	}
	for name, target := range map[string]*string{"name": &into.Name, "issuer": &into.Issuer, "subject": &into.Subject} {
		if _, err := take(members, name, target); err != nil {
			return err
		}
		if *target == "" {
			return badRequest("A value is required for property '%s' of resource 'FederatedIdentityCredential'.", name)
		}
		if len(*target) > maxFederatedText {
			return badRequest("The value of property '%s' must not be longer than %d characters.", name, maxFederatedText)
		}
	}
	if _, err := take(members, "audiences", &into.Audiences); err != nil {
		return err
	}
	var identity, expression any // members that az echoes
	for name, target := range map[string]*any{"id": &identity, "claimsMatchingExpression": &expression} {
		if _, err := take(members, name, target); err != nil {
			return err
		}
	}
	switch {
	case expression != nil:
		return badRequest("claimsMatchingExpression is not supported: name the subject.")
	case len(into.Audiences) != 1 || into.Audiences[0] == "" || len(into.Audiences[0]) > maxFederatedText:
		return badRequest("Federated identity credentials must have exactly one audience.")
	case !regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_-]{2,119}$`).MatchString(into.Name):
		return badRequest("Federated Identity Credential name '%s' is invalid.", into.Name)
	}
	if err := federation.CheckURL(into.Issuer); err != nil {
		return badRequest("The issuer of a federated identity credential must be an https URL without a query or fragment.")
	}
	return rest(members, "FederatedIdentityCredential")
}

func federatedDocument(c directory.FederatedCredential) map[string]any {
	return map[string]any{
		"id": c.ID, "name": c.Name, "issuer": c.Issuer, "subject": c.Subject, "audiences": list(c.Audiences), "description": orNil(c.Description),
	}
}
