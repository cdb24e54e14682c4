package movable

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/lanyard-project/lanyard/internal/directory"
	"github.com/lanyard-project/lanyard/internal/tokens"
)

// maxBody bounds a request: it holds a duration or a time.
const maxBody = 4 << 10

// Handler shows the clock (GET) and moves it (POST). Only who may write in the
// directory may either.
type Handler struct {
	Clock *Clock
	// Verify reads a bearer token; *tokens.Verifier's with ARM's audiences.
	Verify func(ctx context.Context, bearer string) (tokens.Caller, error)
	// RolesOf are the caller's rights in the directory.
	RolesOf func(ctx context.Context, objectID string) ([]string, error)
	Log     *slog.Logger
}

type shown struct {
	Now   time.Time `json:"now"`
	Ahead string    `json:"ahead"`
}

// move is how far, or to when.
type move struct {
	Advance string     `json:"advance"` // as "46h30m"; "46d" too
	To      *time.Time `json:"to"`
}

type failure struct {
	Error struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	} `json:"error"`
}

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if status, code, message := h.refuse(r); status != 0 {
		var f failure
		f.Error.Code, f.Error.Message = code, message
		write(w, status, f)
		return
	}
	if r.Method == http.MethodPost {
		by, err := h.asked(r)
		if err == nil {
			err = h.Clock.Advance(by)
		}
		if err != nil {
			var f failure
			f.Error.Code, f.Error.Message = "InvalidRequestContent", err.Error()
			write(w, http.StatusBadRequest, f)
			return
		}
		h.Log.Warn("the clock was moved", "by", by, "ahead", h.Clock.Ahead())
	}
	write(w, http.StatusOK, shown{Now: h.Clock.Now().UTC(), Ahead: h.Clock.Ahead().String()})
}

func (h *Handler) refuse(r *http.Request) (status int, code, message string) {
	if r.Method != http.MethodGet && r.Method != http.MethodPost {
		return http.StatusMethodNotAllowed, "MethodNotAllowed", "The clock is read with GET and moved with POST."
	}
	scheme, bearer, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return http.StatusUnauthorized, "AuthenticationFailed", "Authentication failed. The 'Authorization' header is missing."
	}
	caller, err := h.Verify(r.Context(), strings.TrimSpace(bearer))
	if err != nil {
		return http.StatusUnauthorized, "InvalidAuthenticationToken", "The access token is invalid."
	}
	roles, err := h.RolesOf(r.Context(), caller.ObjectID)
	if err != nil {
		h.Log.Error("reading a caller's rights failed", "error", err)
		return http.StatusServiceUnavailable, "ServiceUnavailable", "The directory can't be read. Try again."
	}
	if !slices.Contains(roles, directory.RoleDirectoryWrite) {
		return http.StatusForbidden, "AuthorizationFailed", "Only who has the role " + directory.RoleDirectoryWrite + ", as the first administrator has, may move the clock."
	}
	return 0, "", ""
}

func (h *Handler) asked(r *http.Request) (time.Duration, error) {
	var m move
	decoder := json.NewDecoder(io.LimitReader(r.Body, maxBody))
	decoder.DisallowUnknownFields()
	if decoder.Decode(&m) != nil || (m.Advance == "") == (m.To == nil) {
		return 0, errors.New(`the body must be {"advance":"46d"} or {"to":"2027-01-01T00:00:00Z"}`)
	}
	if m.To != nil {
		return m.To.Sub(h.Clock.Now()), nil
	}
	return parse(m.Advance)
}

// parse reads a duration that may begin with days.
func parse(text string) (time.Duration, error) {
	var days time.Duration
	if count, rest, ok := strings.Cut(text, "d"); ok {
		var err error
		if days, err = time.ParseDuration(count + "h"); err != nil || days > maxAhead/24 {
			return 0, errors.New("the duration " + text + " isn't one such as 46d or 46d12h30m")
		}
		days *= 24
		if text = rest; text == "" {
			return days, nil
		}
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, errors.New("the duration " + text + " isn't one such as 46d or 46d12h30m")
	}
	return days + d, nil
}

func write(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // a client that went away
}
