package imds_test

import (
	"bufio"
	"net/http"
	"net/url"
	"path"
	"strings"
	"testing"

	"github.com/lanyard-project/lanyard/internal/imds"
)

// FuzzParse feeds request targets to net/http's own reader and then to ours. Whatever we accept must mean the same to
// a reader that decodes percent-encodings, cleans dot segments or takes a backslash for a slash.
func FuzzParse(f *testing.F) {
	for _, target := range []string{
		"/metadata/identity/oauth2/token?api-version=2018-02-01&resource=r",
		"/metadata/identity/oauth2/token?api-version=2018-02-01&resource=r&client_id=a",
		`/metadata/identity\oauth2\token?api-version=2018-02-01&resource=r`,
		"/metadata/instance/../identity/oauth2/token?resource=r",
		"/metadata/instance/compute/vmId?api-version=2021-02-01&format=text",
		"http://169.254.169.254/metadata/versions", "/metadata/versions", "/metadata/%69nstance", "//metadata/versions",
	} {
		f.Add(target)
	}
	f.Fuzz(func(t *testing.T, target string) {
		wire := "GET " + target + " HTTP/1.1\r\nHost: 169.254.169.254\r\nMetadata: true\r\n\r\n"
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(wire)))
		if err != nil {
			return
		}
		request, e := imds.Rules{}.Parse(r)
		if e != nil {
			if e.Status < 400 || e.Status > 499 {
				t.Fatalf("%q: status %d for a client's mistake", target, e.Status)
			}
			return
		}
		decoded, err := url.PathUnescape(request.Path)
		if err != nil {
			t.Fatalf("%q: accepted path %q doesn't decode", target, request.Path)
		}
		lenient := path.Clean(strings.ToLower(strings.ReplaceAll(decoded, `\`, "/")))
		if lenient != request.Path || !strings.EqualFold(r.URL.Path, request.Path) {
			t.Fatalf("%q: we read %q, a lenient reader %q, net/http %q", target, request.Path, lenient, r.URL.Path)
		}
		if request.Route == imds.RouteToken {
			checkToken(t, target, r.URL, request)
		}
	})
}

func checkToken(t *testing.T, target string, u *url.URL, request imds.Request) {
	t.Helper()
	values, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		t.Fatalf("%q: accepted query doesn't parse", target)
	}
	selectors := 0
	for name, list := range values {
		switch strings.ToLower(name) {
		case "client_id", "object_id", "principal_id", "msi_res_id", "mi_res_id":
			selectors += len(list)
		}
	}
	if named := request.Token.Selector.Kind != imds.SelectNone; selectors > 1 || named != (selectors == 1) {
		t.Fatalf("%q: %d selectors read as %v", target, selectors, request.Token.Selector)
	}
}

func FuzzDecodeToken(f *testing.F) {
	f.Add([]byte(`{"access_token":"t","expires_on":"1705609969","expires_in":3600}`))
	f.Add([]byte(`{"access_token":1}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		token, err := imds.DecodeToken(body)
		if err != nil {
			return
		}
		if _, err := imds.DecodeToken(token.Encode()); err != nil {
			t.Fatalf("what we decoded doesn't decode again: %v", err)
		}
	})
}
