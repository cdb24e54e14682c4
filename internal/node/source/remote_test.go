package source_test

import (
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/utils/clock"

	"github.com/lanyard-project/lanyard/internal/imds"
	"github.com/lanyard-project/lanyard/internal/node/source"
)

// A metadata service elsewhere is known by its authority, and hears who asks: with the token that is in the file now.
func TestRemoteService(t *testing.T) {
	var shown []string
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		shown = append(shown, r.URL.Path+" "+r.Header.Get("Authorization"))
		_, _ = w.Write([]byte(`{"access_token":"e30.e30.x","expires_in":"3600","expires_on":"` + "4102444800" + `","not_before":"1","resource":"r","token_type":"Bearer","client_id":"c","ext_expires_in":"3600"}`))
	}))
	defer server.Close()
	dir := t.TempDir()
	write := func(name, content string) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	authority := write("ca.crt", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})))
	token := write("token", "first\n")
	remote := source.Remote{Endpoint: server.URL + "/lanyard/connected/k", CAFile: authority, TokenFile: token}
	s, err := source.NewRemote(remote, clock.RealClock{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	selector := imds.Selector{Kind: imds.SelectClientID, Value: "c"}
	for _, content := range []string{"first", "second"} {
		write("token", content)
		if got, err := s.Token(t.Context(), selector, "r", false); err != nil || got.ClientID != "c" || time.Until(got.ExpiresOn) <= 0 {
			t.Fatalf("got %+v, %v", got, err)
		}
	}
	const path = "/lanyard/connected/k/metadata/identity/oauth2/token Bearer "
	if got := strings.Join(shown, ","); got != path+"first,"+path+"second" {
		t.Errorf("asked %s", got)
	}
	for name, wrong := range map[string]source.Remote{
		"in the clear":        {Endpoint: "http://127.0.0.1:1", CAFile: authority, TokenFile: token},
		"of no authority":     {Endpoint: server.URL, CAFile: token, TokenFile: token},
		"without its content": {Endpoint: server.URL, CAFile: filepath.Join(dir, "none"), TokenFile: token},
	} {
		if _, err := source.NewRemote(wrong, clock.RealClock{}, nil); err == nil {
			t.Errorf("a service %s is taken", name)
		}
	}
}
