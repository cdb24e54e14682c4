package edge_test

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// TestMalformedRequestsLeaveTheFrontHealthy sends ten thousand requests over TLS
// that no client means, many of them no HTTP at all. Each gets an answer that puts
// the fault on the caller, or the end of its connection; then everything works.
func TestMalformedRequestsLeaveTheFrontHealthy(t *testing.T) {
	c := newCloud(t)
	target, err := url.Parse(c.origin)
	if err != nil {
		t.Fatal(err)
	}
	transport, ok := c.client.Transport.(*http.Transport)
	if !ok {
		t.Fatalf("the client's transport is a %T", c.client.Transport)
	}
	trust := transport.TLSClientConfig.Clone()
	trust.ServerName, trust.ClientSessionCache, trust.CurvePreferences = "localhost", tls.NewLRUClientSessionCache(0), []tls.CurveID{tls.X25519} // cheap handshakes
	const workers, each = 8, 1250
	var answered atomic.Int64
	var group sync.WaitGroup
	for w := range workers {
		group.Go(func() {
			random := rand.New(rand.NewPCG(3, uint64(w))) //nolint:gosec // the same ten thousand every time
			for range each {
				request := malformed(random)
				response, err := send(target.Host, trust, request)
				switch {
				case err != nil: // the end of the connection is an answer as well
				case response >= http.StatusInternalServerError && response != http.StatusNotImplemented && response != http.StatusHTTPVersionNotSupported:
					t.Errorf("%d for %.200q", response, request)
				default:
					answered.Add(1)
				}
			}
		})
	}
	group.Wait()
	t.Logf("%d answered, the rest cut off", answered.Load())
	if answered.Load() < workers*each/10 {
		t.Errorf("only %d were answered", answered.Load())
	}
	path := "/subscriptions/" + subscription + "/resourceGroups/after?api-version=2021-04-01"
	if response, _ := c.do(t, http.MethodPut, path, `{"location":"eastus"}`); response.StatusCode != http.StatusCreated {
		t.Errorf("afterwards a group is answered with %s", response.Status)
	}
}

// send says something on a connection of its own and returns the status that it is answered with.
func send(address string, trust *tls.Config, request string) (int, error) {
	conn, err := tls.Dial("tcp", address, trust)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, request); err != nil {
		return 0, err
	}
	if err := conn.CloseWrite(); err != nil {
		return 0, err
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	_, err = io.Copy(io.Discard, response.Body)
	return response.StatusCode, err
}

// malformed is a request that no client means.
func malformed(random *rand.Rand) string {
	pick := func(from []string) string { return from[random.IntN(len(from))] }
	lines := []string{
		"GET /subscriptions/" + subscription + "?api-version=2022-12-01 HTTP/1.1", "PUT /subscriptions/" + subscription + "/resourceGroups/%zz HTTP/1.1", "GET  / HTTP/1.1", "GET / HTTP/9.9",
		"G\x00T / HTTP/1.1", "GET /" + strings.Repeat("a/", 4000) + " HTTP/1.1", "\x16\x03\x01", "PRI * HTTP/2.0", "GET http://169.254.169.254/ HTTP/1.1", "CONNECT example.com:443 HTTP/1.1",
		"POST /common/oauth2/v2.0/token HTTP/1.1", "GET /v1.0/users?$filter=((( HTTP/1.1", "GET /%00/%2f%2f..%5c HTTP/1.1", "OPTIONS * HTTP/1.1", "DELETE /subscriptions/" + subscription + " HTTP/1.1", "",
	}
	headers := []string{
		"Host: localhost", "Host: a\x00b", "Host:", "Host: x\r\nHost: y", "Content-Length: -1", "Content-Length: 99999999999999999999", "Content-Length: 5\r\nContent-Length: 6", "Transfer-Encoding: chunked, identity",
		"Transfer-Encoding: chunked", "Authorization: Bearer " + strings.Repeat("x", 9000), "X: " + strings.Repeat("y", 70<<10), " folded", "no colon", "Cookie: a=b", "Expect: 100-continue", "Connection: Upgrade\r\nUpgrade: h2c", "x-ms-client-request-id: \x7f",
	}
	bodies := []string{"", "{", "0\r\n\r\n", "zz\r\n", strings.Repeat("[", 1000), "grant_type=client_credentials&client_id=%zz", "\xff\xfe"}

	var request strings.Builder
	request.WriteString(pick(lines) + "\r\n")
	for range random.IntN(5) {
		request.WriteString(pick(headers) + "\r\n")
	}
	body := pick(bodies)
	fmt.Fprintf(&request, "Content-Length: %d\r\n\r\n%s", len(body), body)
	return request.String()
}
