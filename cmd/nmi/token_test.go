package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestToken(t *testing.T) {
	metadata := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Metadata") != "true" {
			w.WriteHeader(http.StatusBadRequest)
		}
		fmt.Fprint(w, r.URL.RequestURI())
	}))
	defer metadata.Close()
	const path = "/metadata/identity/oauth2/token?api-version=2018-02-01&"
	for name, tc := range map[string]struct {
		arguments   []string
		want, fails string
	}{
		"the only identity": {[]string{"--resource", "https://vault.azure.net"}, path + "resource=https%3A%2F%2Fvault.azure.net", ""},
		"one of several":    {[]string{"--resource", "a b", "--client-id", "c&d"}, "/metadata/identity/oauth2/token?api-version=2018-02-01&client_id=c%26d&resource=a+b", ""},
		"nothing to ask":    {nil, "", "needs --resource"},
		"waiting":           {[]string{"--stay", "1ns"}, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			var answer strings.Builder
			err := askToken(t.Context(), append([]string{"--metadata", metadata.URL}, tc.arguments...), &answer, io.Discard)
			if (err != nil) != (tc.fails != "") || err != nil && !strings.Contains(err.Error(), tc.fails) {
				t.Fatalf("it fails with %v, want %q", err, tc.fails)
			}
			if answer.String() != tc.want {
				t.Errorf("the answer is %q, want %q", answer.String(), tc.want)
			}
		})
	}
}
