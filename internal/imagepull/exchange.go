package imagepull

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/lanyard-project/lanyard/internal/secret"
)

// TokenUser is the user name by which docker-style clients say that their
// password is a token.
const TokenUser = "00000000-0000-0000-0000-000000000000"

// maxAnswer bounds what is read of an answer.
const maxAnswer = 1 << 20

// NewClient is for Node and Exchange: it follows no redirect, which would take a
// token along.
func NewClient(limit time.Duration) *http.Client {
	return &http.Client{Timeout: limit, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// Refused is an answer that isn't 200.
type Refused struct {
	Endpoint string // "token exchange", "instance metadata"
	Status   int
	Body     string
}

func (e *Refused) Error() string {
	return fmt.Sprintf("%s endpoint returned error status: %d. body: %s", e.Endpoint, e.Status, e.Body)
}

// Exchange gives an Entra token to a registry for a refresh token of its own.
func Exchange(ctx context.Context, client *http.Client, loginServer, tenant string, token secret.String) (secret.String, error) {
	form := url.Values{
		"grant_type": {"access_token"}, "service": {loginServer}, "tenant": {tenant}, "access_token": {token.Reveal()},
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+loginServer+"/oauth2/exchange", strings.NewReader(form.Encode()))
	if err != nil {
		return secret.String{}, fmt.Errorf("asking registry %s: %w", loginServer, err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	var answer struct {
		Refresh secret.String `json:"refresh_token"`
	}
	if err := do(client, request, "ACR token exchange", &answer); err != nil {
		return secret.String{}, err
	}
	if answer.Refresh.IsZero() {
		return secret.String{}, fmt.Errorf("registry %s answered without a refresh token", loginServer)
	}
	return answer.Refresh, nil
}

// do reads the JSON of an answer that is 200, and makes any other a *Refused.
func do(client *http.Client, request *http.Request, endpoint string, into any) error {
	response, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("failed to send %s request: %w", endpoint, err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("reading the answer of the %s endpoint: %w", endpoint, err)
	}
	if response.StatusCode != http.StatusOK {
		return &Refused{Endpoint: endpoint, Status: response.StatusCode, Body: strings.TrimSpace(string(body))}
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("reading the answer of the %s endpoint: %w", endpoint, err)
	}
	return nil
}
