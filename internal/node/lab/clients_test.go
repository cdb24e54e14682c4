package lab_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// What the libraries of other languages put on the wire: those of Python as their sources say (azure-identity 1.13, msrestazure
// 0.6.4), those of MSAL for Python, Java and .NET as their documents say; languages_test.go runs those that there are packages of. A
// probe lacks the header on purpose: its library wants any answer within its patience, and takes none for "no managed identity here".
func TestRequestsOfOtherLanguages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.metadata.attach(demo)
	w.agent()
	p := w.pod("web", "10.77.1.2", "demo")
	w.api.assign(p, demo, "Assigned")
	p.wantToken("", "demo")

	const (
		token  = "/metadata/identity/oauth2/token"
		vault  = "resource=https%3A%2F%2Fvault.azure.net"
		urllib = "Accept-Encoding: gzip, deflate\r\nAccept: */*\r\nConnection: keep-alive\r\n"
		python = "User-Agent: azsdk-python-identity/1.13.0b2 Python/3.11.2 (Linux-6.1-x86_64-with-glibc2.36)\r\n" + urllib
		java   = "User-Agent: Java/17.0.9\r\nAccept: text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2\r\nConnection: keep-alive\r\n"
		dotnet = "User-Agent: azsdk-net-Identity/1.12.0 (.NET 8.0.0; Debian GNU/Linux 12)\r\n" +
			"x-ms-client-request-id: 0d4ab5b1-0000-4000-8000-000000000001\r\nx-ms-return-client-request-id: true\r\n"
		node     = "accept: application/json\r\nuser-agent: azsdk-js-identity/4.4.1 core-rest-pipeline/1.16.0 Node/v20.11.0\r\nconnection: close\r\n"
		metadata = "Metadata: true\r\n"
	)
	for _, test := range []struct {
		name, target, headers string
		patience              time.Duration
		status                int
	}{
		{"Python azure-identity, probe", token + "?api-version=2018-02-01&" + vault + "&client_id=" + demo.clientID, python, 300 * time.Millisecond, 400},
		{"Python azure-identity", token + "?api-version=2018-02-01&" + vault + "&client_id=" + demo.clientID, python + metadata, 2 * time.Second, 200},
		{"Python azure-identity, identity_config", token + "?api-version=2018-02-01&" + vault + "&object_id=" + demo.objectID, python + metadata, 2 * time.Second, 200},
		{"Python MSAL", token + "?api-version=2018-02-01&" + vault + "&client_id=" + demo.clientID, "User-Agent: python-requests/2.28.1\r\n" + urllib + metadata, 2 * time.Second, 200},
		{"az by msrestazure", token + "?" + vault + "%2F&api-version=2018-02-01&msi_res_id=" + url.QueryEscape(demo.resourceID()),
			"User-Agent: python/3.11.2 (Linux-6.1-x86_64-with-glibc2.36) msrest/0.6.21 msrest_azure/0.6.4\r\n" + urllib + metadata, 2 * time.Second, 200},
		{"Java, probe", token + "?api-version=2018-02-01", java, 500 * time.Millisecond, 400},
		{"Java", token + "?api-version=2018-02-01&" + vault + "&client_id=" + demo.clientID, java + "metadata: true\r\n", 2 * time.Second, 200},
		{"Java by resource", token + "?api-version=2018-02-01&" + vault + "&mi_res_id=" + url.QueryEscape(demo.resourceID()), java + metadata, 2 * time.Second, 200},
		{".NET, probe", token + "?api-version=2018-02-01&" + vault, dotnet, time.Second, 400},
		{".NET", token + "?api-version=2018-02-01&" + vault + "&client_id=" + demo.clientID, dotnet + metadata, 2 * time.Second, 200},
		{".NET by resource", token + "?api-version=2018-02-01&" + vault + "&msi_res_id=" + url.QueryEscape(demo.resourceID()), dotnet + metadata, 2 * time.Second, 200},
		{"JavaScript, probe", token, node, 300 * time.Millisecond, 400},
		{"JavaScript", token + "?" + vault + "&api-version=2018-02-01&client_id=" + demo.clientID, node + metadata, 2 * time.Second, 200},
	} {
		t.Run(test.name, func(t *testing.T) {
			var answer *http.Response
			var body []byte
			w.eventually("an answer within "+test.patience.String(), func() (ok bool) { // a busy machine may take longer now and then
				answer, body, ok = p.write("GET "+test.target+" HTTP/1.1\r\nHost: "+metadataIP+"\r\n"+test.headers+"\r\n", test.patience)
				return ok
			})
			if answer.StatusCode != test.status || (test.status == http.StatusOK) != (whose(string(body)) == "demo") {
				t.Errorf("%d %s; want %d", answer.StatusCode, body, test.status)
			}
			if kind := answer.Header.Get("Content-Type"); !strings.HasPrefix(kind, "application/json") {
				t.Errorf("Content-Type %q: the libraries read only JSON", kind)
			}
		})
	}
}

// write sends a request as it is, and reads the answer if it comes in time.
func (p *pod) write(request string, patience time.Duration) (answer *http.Response, body []byte, ok bool) {
	p.t.Helper()
	var conn net.Conn
	var err error
	started := time.Now()
	p.do(func() { conn, err = net.DialTimeout("tcp4", metadataIP+":80", patience) })
	if err != nil {
		return nil, nil, false
	}
	defer conn.Close()
	_ = conn.SetDeadline(started.Add(patience))
	if _, err := io.WriteString(conn, request); err != nil {
		return nil, nil, false
	}
	answer, err = http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return nil, nil, false
	}
	defer answer.Body.Close()
	body, err = io.ReadAll(answer.Body)
	return answer, body, err == nil
}
