package pipeline

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"sync"

	"github.com/lanyard-project/lanyard/internal/arm/rest"
)

// readBody reads the request's JSON. Required bodies must be objects; an empty
// optional one is nil.
func readBody(c *call, required bool) (json.RawMessage, error) {
	if c.Body == nil {
		if required {
			return nil, rest.InvalidRequestContent("The request body is empty")
		}
		return nil, nil
	}
	if c.body == nil {
		c.body = sync.OnceValues(func() ([]byte, error) { return io.ReadAll(c.Body) })
	}
	raw, err := c.body()
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, rest.RequestTooLarge(tooLarge.Limit)
	case err != nil:
		return nil, rest.InvalidRequestContent("The request body ended early")
	case len(raw) == 0 && required:
		return nil, rest.InvalidRequestContent("The request body is empty")
	case len(raw) == 0:
		return nil, nil
	}
	if kind := c.Header.Get("Content-Type"); kind != "" {
		media, _, err := mime.ParseMediaType(kind)
		if err != nil || media != "application/json" && media != "text/json" && media != "application/merge-patch+json" {
			return nil, rest.UnsupportedMediaType(kind)
		}
	}
	if relax := c.match.Type.Relax; relax != nil && !json.Valid(raw) {
		raw = relax(raw)
	}
	if !required {
		if !json.Valid(raw) {
			return nil, rest.InvalidRequestContent("The request body is not valid JSON")
		}
		return raw, nil
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal(raw, &object); err != nil {
		return nil, rest.InvalidRequestContent(err.Error())
	}
	if object == nil {
		return nil, rest.InvalidRequestContent("The request body is null")
	}
	return raw, nil
}
