package source

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/lanyard-project/lanyard/internal/imds"
)

const comeBack = 5 * time.Second

// failure turns what came of the last try into an error for the client. A refusal of the service is passed on with its
// code and text, which clients know; everything else asks to come back.
func failure(a answer, err error) error {
	switch {
	case err != nil:
		return fmt.Errorf("%w: %w", imds.Unavailable("The node's metadata service does not answer", comeBack), err)
	case a.status == http.StatusTooManyRequests:
		return imds.TooMany(max(a.after, time.Second))
	case a.status == http.StatusGone || a.status == http.StatusNotFound || a.status >= 500:
		return imds.Unavailable("The node's metadata service is not available", max(a.after, comeBack))
	case a.status < 400:
		return imds.Unavailable(fmt.Sprintf("The node's metadata service answered %d", a.status), comeBack)
	}
	var document struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	if json.Unmarshal(a.body, &document) != nil || document.Error == "" {
		document.Error, document.Description = imds.CodeUnknown, "The node's metadata service refused the request"
	}
	return &imds.Error{Status: a.status, Code: clip(document.Error), Description: clip(document.Description)}
}

// clip bounds a text of the service and drops what isn't printable.
func clip(text string) string {
	const limit = 1024
	if len(text) > limit {
		text = text[:limit]
	}
	return strings.Map(func(r rune) rune {
		if r < 0x20 || r == 0x7f || r == '\uFFFD' {
			return ' '
		}
		return r
	}, text)
}
