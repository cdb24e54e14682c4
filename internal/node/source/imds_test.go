package source_test

import (
	"bytes"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"k8s.io/utils/clock"

	"github.com/lanyard-project/lanyard/internal/imds"
	"github.com/lanyard-project/lanyard/internal/node/source"
)

// a token whose payload is {"oid":"o1","appid":"c1"}
const tokenBody = `{"access_token":"e30.eyJvaWQiOiJvMSIsImFwcGlkIjoiYzEifQ.sig","expires_on":"4102444800","expires_in":"3600","token_type":"Bearer"}`

func TestToken(t *testing.T) {
	for _, test := range []struct {
		name     string
		statuses []int // in turn; the last one stays
		body     string
		code     int // of the imds.Error; 0 for a token
		says     string
		asked    int
	}{
		{"token", []int{200}, tokenBody, 0, "", 1},
		{"going through updates", []int{410, 404, 200}, tokenBody, 0, "", 3},
		{"server errors", []int{500}, "", 503, "not available", 4},
		{"throttled", []int{429}, "", 429, "Too many", 4},
		{"not found identity isn't repeated", []int{400}, `{"error":"invalid_request","error_description":"Identity not found"}`, 400, "Identity not found", 1},
		{"unknown resource", []int{400}, `{"error":"invalid_resource","error_description":"AADSTS500011: …"}`, 400, "invalid_resource", 1},
		{"an answer without form", []int{403}, "<html>", 403, "refused", 1},
		{"a redirect isn't followed", []int{302}, "", 503, "302", 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Setenv("HTTP_PROXY", "http://127.0.0.1:1") // must not matter
			asked := 0
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				status := test.statuses[min(asked, len(test.statuses)-1)]
				asked++
				q := r.URL.Query()
				if r.Header.Get("Metadata") != "true" || q.Get("msi_res_id") != "/r/1" || q.Get("resource") != "https://a/" || len(q) != 3 {
					t.Errorf("asked %s with %v", r.URL, r.Header)
				}
				w.Header().Set("Location", "/elsewhere")
				w.WriteHeader(status)
				_, _ = w.Write([]byte(test.body))
			}))
			defer server.Close()
			s := source.NewIMDS(server.URL, clock.RealClock{}, nil)
			token, err := s.Token(t.Context(), imds.Selector{Kind: imds.SelectResourceID, Value: "/r/1"}, "https://a/", false)
			if asked != test.asked {
				t.Errorf("asked %d times, want %d", asked, test.asked)
			}
			var answer *imds.Error
			switch {
			case test.code == 0:
				if err != nil || token.ClientID != "c1" || token.ObjectID != "o1" {
					t.Errorf("got %+v, %v", token, err)
				}
			case !errors.As(err, &answer) || answer.Status != test.code || !strings.Contains(answer.Error(), test.says):
				t.Errorf("got %v, want %d …%s…", err, test.code, test.says)
			}
		})
	}
}

func TestFreshTokenIsAskedForPastTheServicesMemory(t *testing.T) {
	asked := make(chan string, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- r.URL.Query().Get("bypass_cache")
		_, _ = w.Write([]byte(tokenBody))
	}))
	defer server.Close()
	if _, err := source.NewIMDS(server.URL, clock.RealClock{}, nil).Token(t.Context(), imds.Selector{}, "r", true); err != nil {
		t.Error(err)
	}
	if got := <-asked; got != "true" {
		t.Errorf("bypass_cache is %q", got)
	}
}

func TestNobodyAnswers(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	_, err := source.NewIMDS(server.URL, clock.RealClock{}, nil).Token(t.Context(), imds.Selector{}, "r", false)
	var answer *imds.Error
	if !errors.As(err, &answer) || answer.Status != http.StatusServiceUnavailable || strings.Contains(answer.Description, "127.0.0.1") {
		t.Errorf("got %v", err)
	}
}

// Whoever answers in the service's place doesn't fill the agent's memory.
func TestEndlessAnswersAreRefused(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for chunk := bytes.Repeat([]byte(" "), 64<<10); ; {
			if _, err := w.Write(chunk); err != nil {
				return // the agent has had enough
			}
		}
	}))
	defer server.Close()
	_, err := source.NewIMDS(server.URL, clock.RealClock{}, nil).Token(t.Context(), imds.Selector{}, "r", false)
	if err == nil || !strings.Contains(err.Error(), "too long") {
		t.Errorf("got %v", err)
	}
}
