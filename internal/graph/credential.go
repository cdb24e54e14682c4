package graph

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/lanyard-project/lanyard/internal/directory"
)

// passwords are the owner's secrets without their values.
func (s *Service) passwords(r *request, ownerID string) []map[string]any {
	shown := []map[string]any{}
	secrets, err := s.options.Directory.Secrets(r.Context(), ownerID)
	if err != nil {
		return shown // being deleted
	}
	for _, one := range secrets {
		shown = append(shown, passwordDocument(one, nil))
	}
	return shown
}

func passwordDocument(one directory.Secret, text any) map[string]any {
	return map[string]any{
		"customKeyIdentifier": nil, "displayName": orNil(one.DisplayName), "startDateTime": graphTime(one.Start), "endDateTime": graphTime(one.End),
		"hint": one.Hint, "keyId": one.KeyID, "secretText": text,
	}
}

func (s *Service) keyCredentials(r *request, ownerID string) []map[string]any {
	shown := []map[string]any{}
	certificates, err := s.options.Directory.CertificatesOf(r.Context(), ownerID)
	if err != nil {
		return shown
	}
	for _, one := range certificates {
		shown = append(shown, map[string]any{
			"customKeyIdentifier": strings.ToUpper(fmt.Sprintf("%x", one.SHA1)), "displayName": orNil(one.DisplayName), "key": nil, "keyId": one.KeyID,
			"startDateTime": graphTime(one.From), "endDateTime": graphTime(one.Until), "type": "AsymmetricX509Cert", "usage": "Verify",
		})
	}
	return shown
}

func orNil(text string) any {
	if text == "" {
		return nil
	}
	return text
}

// addPassword makes a secret and shows it, for the only time.
func (s *Service) addPassword(r *request, ownerID string) (answer, error) {
	members, err := r.body()
	if err != nil {
		return answer{}, err
	}
	var asked struct {
		DisplayName string    `json:"displayName"`
		Start       time.Time `json:"startDateTime"`
		End         time.Time `json:"endDateTime"`
	}
	if _, err := take(members, "passwordCredential", &asked); err != nil {
		return answer{}, err
	}
	if err := rest(members, "passwordCredential"); err != nil {
		return answer{}, err
	}
	if !asked.End.IsZero() && !asked.End.After(s.options.Clock.Now()) {
		return answer{}, badRequest("Credential lifetime is invalid: 'endDateTime' lies in the past.")
	}
	made, err := s.options.Directory.MakeSecret(r.Context(), ownerID, directory.NewSecret{DisplayName: asked.DisplayName, Start: asked.Start, End: asked.End})
	if err != nil {
		return answer{}, said(err, ownerID)
	}
	// The one deliberate place that encodes this secret.
	document := passwordDocument(made, made.Value.Reveal())
	document["@odata.context"] = r.origin + "/v1.0/$metadata#microsoft.graph.passwordCredential"
	return answer{http.StatusOK, document}, nil
}

func (s *Service) removePassword(r *request, ownerID string) (answer, error) {
	members, err := r.body()
	if err != nil {
		return answer{}, err
	}
	var keyID string
	if given, err := take(members, "keyId", &keyID); err != nil || !given {
		return answer{}, badRequest("A value is required for property 'keyId'.")
	}
	if err := s.options.Directory.RemoveSecret(r.Context(), ownerID, keyID); err != nil {
		if refused := said(err, ownerID); refused != err { //nolint:errorlint // identity: it was translated
			return answer{}, badRequest("No password credential found with keyId '%s'.", keyID)
		}
		return answer{}, err
	}
	return done(), nil
}

func (s *Service) addApplicationPassword(r *request) (answer, error) {
	found, err := s.changedApplication(r)
	if err != nil {
		return answer{}, err
	}
	return s.addPassword(r, found.ObjectID)
}

func (s *Service) removeApplicationPassword(r *request) (answer, error) {
	found, err := s.changedApplication(r)
	if err != nil {
		return answer{}, err
	}
	return s.removePassword(r, found.ObjectID)
}

func (s *Service) addPrincipalPassword(r *request) (answer, error) {
	found, err := s.changedPrincipal(r)
	if err != nil {
		return answer{}, err
	}
	return s.addPassword(r, found.ObjectID)
}

func (s *Service) removePrincipalPassword(r *request) (answer, error) {
	found, err := s.changedPrincipal(r)
	if err != nil {
		return answer{}, err
	}
	return s.removePassword(r, found.ObjectID)
}

// readKeys reads keyCredentials: new ones bring a certificate, and those that stay
// are named by their IDs.
func readKeys(members map[string]json.RawMessage) ([]directory.NewCertificate, error) {
	var asked []struct {
		KeyID       string  `json:"keyId"`
		DisplayName string  `json:"displayName"`
		Key         *string `json:"key"`
		Type        string  `json:"type"`
		Usage       string  `json:"usage"`
	}
	if _, err := take(members, "keyCredentials", &asked); err != nil {
		return nil, err
	}
	var wanted []directory.NewCertificate
	for _, one := range asked {
		if one.Type != "AsymmetricX509Cert" || one.Usage != "Verify" {
			return nil, badRequest("Only key credentials of type 'AsymmetricX509Cert' with usage 'Verify' are supported.")
		}
		next := directory.NewCertificate{KeyID: one.KeyID, DisplayName: one.DisplayName}
		if next.KeyID == "" {
			next.KeyID = uuid.NewString()
		}
		if uuid.Validate(next.KeyID) != nil {
			return nil, badRequest("The keyId '%s' of a key credential is not a GUID.", one.KeyID)
		}
		if one.Key != nil {
			der, err := base64.StdEncoding.DecodeString(*one.Key)
			if err != nil {
				return nil, badRequest("Invalid value specified for property 'key' of a key credential: it must be a certificate in base64.")
			}
			next.DER = der
		}
		wanted = append(wanted, next)
	}
	return wanted, nil
}
