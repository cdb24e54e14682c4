package wire

import (
	"bufio"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const plain = "GET /metadata/identity/oauth2/token?resource=r HTTP/1.1\r\nHost: 169.254.169.254\r\n"

func TestHead(t *testing.T) {
	for _, test := range []struct{ name, head, wrong string }{
		{"curl", plain + "User-Agent: curl/8.5.0\r\nAccept: */*\r\nMetadata: true\r\n\r\n", ""},
		{"lower case and no blank, as some SDKs write", plain + "metadata:true\r\nx-ms-client-request-id:1\r\n\r\n", ""},
		{"no body, said aloud", plain + "Content-Length: 0\r\n\r\n", ""},
		{"IPv6 literal", "GET / HTTP/1.1\r\nHost: [::ffff:169.254.169.254]:80\r\n\r\n", ""},
		{"HTTP/1.0", strings.Replace(plain, "1.1", "1.0", 1) + "\r\n", "HTTP/1.1 is required"},
		{"HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\n", "HTTP/1.1 is required"},
		{"absolute form", "GET http://169.254.169.254/x HTTP/1.1\r\nHost: h\r\n\r\n", "has to be a path"},
		{"authority form", "CONNECT 169.254.169.254:80 HTTP/1.1\r\nHost: h\r\n\r\n", "has to be a path"},
		{"asterisk form", "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", "has to be a path"},
		{"NUL in the path", "GET /a\x00b HTTP/1.1\r\nHost: h\r\n\r\n", "has to be encoded"},
		{"two blanks", "GET  / HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 is required"},
		{"a blank in the target", "GET /a b HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 is required"},
		{"bare line feeds", "GET / HTTP/1.1\nHost: h\n\n\r\n\r\n", "request line doesn't end"},
		{"bare line feed between headers", plain + "A: b\nMetadata: true\r\n\r\n", "headers don't end"},
		{"bare carriage return", plain + "A: b\rMetadata: true\r\n\r\n", "control character"},
		{"folded header", plain + "A: b\r\n Metadata: true\r\n\r\n", "a header is malformed"},
		{"blank before the colon", plain + "Metadata : true\r\n\r\n", "a header is malformed"},
		{"empty name", plain + ": true\r\n\r\n", "a header is malformed"},
		{"NUL in a header", plain + "Metadata: true\x00\r\n\r\n", "control character"},
		{"no host", "GET / HTTP/1.1\r\n\r\n", "one Host"},
		{"two hosts", plain + "Host: evil\r\n\r\n", "one Host"},
		{"a host that is a URL", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", "one Host"},
		{"CL.TE smuggling", plain + "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n", "ambiguous"},
		{"CL.CL smuggling", plain + "Content-Length: 0\r\nContent-Length: 4\r\n\r\n", "ambiguous"},
		{"TE.TE smuggling", plain + "Transfer-Encoding: chunked\r\nTransfer-encoding: x\r\n\r\n", "ambiguous"},
		{"a signed length", plain + "Content-Length: +4\r\n\r\n", "not a number"},
		{"a list of lengths", plain + "Content-Length: 4, 4\r\n\r\n", "not a number"},
		{"a hundred headers", plain + strings.Repeat("A: b\r\n", 100) + "\r\n", "too many headers"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var p parser
			got, err := p.parse(test.head)
			if test.wrong != "" {
				if err == nil || !strings.Contains(err.Error(), test.wrong) {
					t.Errorf("error %v, want …%s…", err, test.wrong)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			compare(t, test.head, got)
		})
	}
}

// compare wants a request to be what net/http's parser makes of the same bytes.
func compare(t *testing.T, head string, got *http.Request) {
	t.Helper()
	reader := bufio.NewReader(strings.NewReader(head))
	want, err := http.ReadRequest(reader)
	if err != nil {
		t.Fatalf("net/http refuses what was accepted: %v\n%q", err, head)
	}
	if want.Header.Get("Pragma") != "" && got.Header["Cache-Control"] == nil {
		want.Header.Del("Cache-Control") // which net/http makes of it
	}
	if want.ContentLength == 0 && got.ContentLength == 0 && reader.Buffered() != 0 {
		t.Errorf("net/http takes the request to be shorter: %d bytes are left of %q", reader.Buffered(), head)
	}
	type view struct {
		Method, RequestURI, Host string
		ContentLength            int64
		TransferEncoding         []string
		Header                   http.Header
	}
	of := func(r *http.Request) view {
		return view{r.Method, r.RequestURI, r.Host, r.ContentLength, r.TransferEncoding, r.Header}
	}
	if diff := cmp.Diff(of(want), of(got)); diff != "" {
		t.Errorf("net/http reads %q in another way (-net/http +wire):\n%s", head, diff)
	}
}

// FuzzHead is differential: whatever is accepted means the same to net/http.
func FuzzHead(f *testing.F) {
	f.Add(plain+"Metadata: true\r\nAccept: */*\r\n\r\n", plain+"\r\n")
	f.Add(plain+"Content-Length: 10\r\n\r\n", plain+"A:\t b \t\r\na: c\r\n\r\n")
	f.Add(plain+"Transfer-Encoding: chunked\r\n\r\n", plain+"Connection: close\r\nPragma: no-cache\r\n\r\n")
	f.Add("GET /%5coauth2 HTTP/1.1\r\nHost: a:80\r\n\r\n", "POST /?a=%00 HTTP/1.1\r\nHost: [::1]\r\nTrailer: X\r\n\r\n")
	f.Fuzz(func(t *testing.T, first, second string) {
		var p parser
		for _, head := range []string{first, second, first} { // what one request leaves behind doesn't show in the next
			got, err := p.parse(head)
			if err == nil {
				compare(t, head, got)
			}
		}
	})
}
