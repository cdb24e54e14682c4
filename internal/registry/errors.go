package registry

import (
	"encoding/json"
	"net/http"
)

// problem is an error in the registry API's own form.
type problem struct {
	status  int
	Code    string `json:"code"`
	Message string `json:"message"`
	Detail  any    `json:"detail,omitempty"`
}

func (p *problem) Error() string { return p.Message }

func unauthorized() *problem {
	return &problem{status: http.StatusUnauthorized, Code: "UNAUTHORIZED", Message: "authentication required, visit https://aka.ms/acr/authorization for more information."}
}

func badRequest(message string) *problem {
	return &problem{status: http.StatusBadRequest, Code: "BAD_REQUEST", Message: message}
}

func notFound() *problem {
	return &problem{status: http.StatusNotFound, Code: "NOT_FOUND", Message: "the requested resource is not found."}
}

// answer writes a document.
func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the client has gone
}

func (p *problem) write(w http.ResponseWriter) {
	answer(w, p.status, map[string]any{"errors": []*problem{p}})
}
