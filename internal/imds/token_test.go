package imds_test

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lanyard-project/lanyard/internal/imds"
	"github.com/lanyard-project/lanyard/internal/secret"
)

func TestTokenResponse(t *testing.T) {
	token := imds.TokenResponse{
		AccessToken: secret.New("ey.J.x"), ClientID: "c", ExpiresIn: 84827 * time.Second, ExpiresOn: time.Unix(1705609969, 0),
		ExtExpiresIn: 86399 * time.Second, NotBefore: time.Unix(1705523269, 0), Resource: "https://a/?b&c", TokenType: "Bearer",
	}
	const want = `{"access_token":"ey.J.x","refresh_token":"","client_id":"c","expires_in":"84827","expires_on":"1705609969",` +
		`"ext_expires_in":"86399","not_before":"1705523269","resource":"https://a/?b&c","token_type":"Bearer"}`
	if diff := cmp.Diff(want, string(token.Encode())); diff != "" {
		t.Errorf("document (-want +got):\n%s", diff)
	}
	back, err := imds.DecodeToken(token.Encode())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(token, back, cmp.Comparer(secret.String.Equal)); diff != "" {
		t.Errorf("round trip (-want +got):\n%s", diff)
	}
	careless, err := json.Marshal(token)
	if err != nil {
		t.Fatal(err)
	}
	for _, printed := range []string{string(careless), fmt.Sprintf("%v %+v %#v", token, token, token)} {
		if strings.Contains(printed, "ey.J.x") {
			t.Errorf("the token is printed: %s", printed)
		}
	}
}

func TestDecodeToken(t *testing.T) {
	for _, test := range []struct {
		name, body, wrong string
	}{
		{"numbers as numbers", `{"access_token":"t","expires_on":1705609969,"expires_in":3600}`, ""},
		{"not JSON", `ey.secret`, "not the expected JSON"},
		{"no token", `{"expires_on":"1"}`, "access_token is missing"},
		{"no expiry", `{"access_token":"secret"}`, "expires_on is missing"},
		{"a date", `{"access_token":"secret","expires_on":"6/20/2019 02:57:58 AM +00:00"}`, "not a whole number"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := imds.DecodeToken([]byte(test.body))
			if (err != nil) != (test.wrong != "") || err != nil && !strings.Contains(err.Error(), test.wrong) {
				t.Fatalf("error %v, want %q", err, test.wrong)
			}
			if err != nil && strings.Contains(err.Error(), "secret") {
				t.Errorf("the error holds a part of the document: %v", err)
			}
		})
	}
}

func TestErrorBodies(t *testing.T) {
	for _, test := range []struct {
		e          *imds.Error
		status     int
		retryAfter string
		body       string
	}{
		{imds.NotFound(""), 400, "", `{"error":"invalid_request","error_description":"Identity not found"}`},
		{imds.NotFound("pod a/b has no label"), 400, "",
			`{"error":"invalid_request","error_description":"Identity not found (pod a/b has no label)"}`},
		{imds.Ambiguous(), 400, "", `{"error":"invalid_request","error_description":"Multiple user assigned identities exist, ` +
			`please specify the clientId / resourceId of the identity in the token request"}`},
		{imds.Forbidden("who?"), 403, "", `{"error":"access_denied","error_description":"who?"}`},
		{imds.Unavailable("soon", 1500*time.Millisecond), 503, "2", `{"error":"temporarily_unavailable","error_description":"soon"}`},
	} {
		w := httptest.NewRecorder()
		test.e.Render(w)
		if w.Code != test.status || w.Header().Get("Retry-After") != test.retryAfter || w.Body.String() != test.body {
			t.Errorf("got %d %q %s, want %d %q %s", w.Code, w.Header().Get("Retry-After"), w.Body, test.status, test.retryAfter, test.body)
		}
	}
}

func TestSelect(t *testing.T) {
	document := imds.Instance{
		Compute: imds.Compute{VMID: "v", TagsList: []imds.Tag{{Name: "a", Value: "b"}}},
		Network: imds.Network{Interface: []imds.Interface{{IPv4: imds.IPv4{IPAddress: []imds.IPAddress{{PrivateIPAddress: "10.0.0.4"}}}}}},
	}
	for _, test := range []struct {
		path, format, want string
		status             int
	}{
		{"/compute/tagsList", "json", `[{"name":"a","value":"b"}]`, 0},
		{"/network/interface/0/ipv4/ipAddress/0/privateIpAddress", "text", "10.0.0.4", 0},
		{"/compute/vmId", "text", "v", 0},
		{"", "text", "compute/\nnetwork/", 0},
		{"/compute/vmId", "json", "", 400},
		{"/compute/nothing", "json", "", 404},
		{"/network/interface/1", "json", "", 404},
	} {
		request, e := imds.Rules{}.Parse(get("/metadata/instance" + test.path + "?api-version=2021-02-01&format=" + test.format))
		if e != nil {
			t.Fatal(e)
		}
		body, _, e := imds.Select(document, request)
		if (e != nil) != (test.status != 0) || e != nil && e.Status != test.status {
			t.Errorf("%s: error %v, want status %d", test.path, e, test.status)
		} else if string(body) != test.want {
			t.Errorf("%s: got %q, want %q", test.path, body, test.want)
		}
	}
}
