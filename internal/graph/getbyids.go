package graph

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/google/uuid"
)

// maxIDs is Graph's own limit of one request.
const maxIDs = 1000

type getByIDsBody struct {
	IDs   []string `json:"ids"`
	Types []string `json:"types"`
}

// getByIDs finds objects of any kind by their IDs; what isn't there is left out.
func (s *Service) getByIDs(r *request) (answer, error) {
	var body getByIDsBody
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		return answer{}, badRequest("Unable to read JSON request payload. Please ensure Content-Type header is set and payload is of valid JSON format.")
	}
	if len(body.IDs) == 0 || len(body.IDs) > maxIDs {
		return answer{}, badRequest("The number of ids must be between 1 and %d.", maxIDs)
	}
	result := page{Context: r.origin + "/v1.0/$metadata#directoryObjects", Value: []map[string]any{}}
	seen := map[string]bool{}
	for _, id := range body.IDs {
		if uuid.Validate(id) != nil {
			return answer{}, badRequest("Invalid GUID:%s", id)
		}
		if id = strings.ToLower(id); seen[id] {
			continue
		}
		seen[id] = true
		document, err := s.object(r, id)
		var refused *Error
		if errors.As(err, &refused) {
			continue
		}
		if err != nil {
			return answer{}, err
		}
		kind, _ := document["@odata.type"].(string)
		if wants(body.Types, strings.TrimPrefix(kind, "#microsoft.graph.")) {
			result.Value = append(result.Value, document)
		}
	}
	return answer{http.StatusOK, result}, nil
}

func wants(types []string, name string) bool {
	return len(types) == 0 || slices.ContainsFunc(types, func(given string) bool {
		return strings.EqualFold(given, name) || strings.EqualFold(given, "directoryObject")
	})
}
