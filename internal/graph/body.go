package graph

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/google/uuid"

	"github.com/lanyard-project/lanyard/internal/directory"
)

// maxBody bounds what a write may bring.
const maxBody = 1 << 20

// body reads a JSON object's members.
func (r *request) body() (map[string]json.RawMessage, error) {
	var members map[string]json.RawMessage
	text, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if err != nil || len(text) > maxBody || json.Unmarshal(text, &members) != nil || members == nil {
		return nil, badRequest("Unable to read JSON request payload. Please ensure Content-Type header is set and payload is of valid JSON format.")
	}
	for name := range members {
		if strings.HasPrefix(name, "@odata.") && name != "@odata.id" {
			delete(members, name) // an annotation
		}
	}
	return members, nil
}

// take reads one member and removes it, so that what is left is known to be unknown.
func take[T any](members map[string]json.RawMessage, name string, into *T) (given bool, err error) {
	raw, ok := members[name]
	if !ok {
		return false, nil
	}
	delete(members, name)
	if json.Unmarshal(raw, into) != nil {
		return false, badRequest("Invalid value specified for property '%s' of resource.", name)
	}
	return true, nil
}

// rest refuses members that nobody took.
func rest(members map[string]json.RawMessage, entity string) error {
	for name := range members {
		return badRequest("Invalid property '%s' specified for resource '%s'.", name, entity)
	}
	return nil
}

// reference reads the object that a $ref request names.
func (r *request) reference() (string, error) {
	members, err := r.body()
	if err != nil {
		return "", err
	}
	var target string
	if _, err := take(members, "@odata.id", &target); err != nil {
		return "", err
	}
	id := target[strings.LastIndexByte(target, '/')+1:]
	if uuid.Validate(id) != nil {
		return "", badRequest("The '@odata.id' of the request must be the URL of a directory object, such as '%s/v1.0/directoryObjects/<id>'.", r.origin)
	}
	return strings.ToLower(id), nil
}

// said puts the directory's refusals into Graph's words.
func said(err error, id string) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, directory.ErrNotFound):
		return notFound(id)
	case errors.Is(err, directory.ErrManaged):
		return badRequest("The object '%s' belongs to a managed identity. Change the identity's resource instead.", id)
	case errors.Is(err, directory.ErrExists), errors.Is(err, directory.ErrFederatedName), errors.Is(err, directory.ErrFederatedExists):
		return conflict(err.Error())
	case errors.Is(err, directory.ErrTooManyFederated):
		return badRequest("No more than %d federated identity credentials can be added to an application.", directory.MaxFederated)
	case errors.Is(err, directory.ErrBadCertificate):
		return &Error{http.StatusBadRequest, "Request_BadRequest", "Key credential: " + err.Error() + "."}
	case errors.Is(err, directory.ErrWeakPassword):
		return badRequest("The specified password does not comply with password complexity requirements: %s. Please provide a different password.", directory.ErrWeakPassword)
	}
	return err
}

func conflict(reason string) *Error {
	return &Error{http.StatusConflict, "Request_MultipleObjectsWithSameKeyValue", "Another object with the same value for a property that must be unique exists: " + reason + "."}
}

// done is the answer to a write that has nothing to show.
func done() answer { return answer{status: http.StatusNoContent} }

// entityOf marks a document as the only one of an answer.
func (r *request) entityOf(collection string, document map[string]any) map[string]any {
	document["@odata.context"] = r.origin + "/v1.0/$metadata#" + collection + "/$entity"
	return document
}
