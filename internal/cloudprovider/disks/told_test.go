package disks

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
)

// refusedBy is the SDK's error for an answer of ARM.
func refusedBy(body string) error {
	return runtime.NewResponseError(&http.Response{
		StatusCode: http.StatusForbidden, Status: "403 Forbidden", Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)),
		Request: &http.Request{Method: http.MethodPut, URL: &url.URL{Scheme: "https", Host: "management.example", Path: "/subscriptions/s"}},
	})
}

func TestErrorsAreToldInARMsWords(t *testing.T) {
	for name, test := range map[string]struct {
		err  error
		want string
	}{
		"an answer of ARM":      {refusedBy(`{"error":{"code":"LinkedAuthorizationFailed","message":"The client may not."}}`), "LinkedAuthorizationFailed: The client may not."},
		"what was being done":   {fmt.Errorf("reading disk d: %w", refusedBy(`{"error":{"code":"AuthorizationFailed","message":"No."}}`)), "reading disk d: AuthorizationFailed: No."},
		"no answer":             {errors.New("connection refused"), "connection refused"},
		"twice the same answer": {func() error { err := refusedBy(`{"error":{"code":"C","message":"m"}}`); _ = told(err); return err }(), "C: m"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := told(test.err); got != test.want {
				t.Errorf("told %q, want %q", got, test.want)
			}
		})
	}
}

// The API server refuses the status of an attachment whose error is longer, and with
// it the event that a user waits for.
func TestErrorsOfVolumesFitTheirField(t *testing.T) {
	for _, text := range []string{strings.Repeat("a", 5000), strings.Repeat("ä", 2000), strings.Repeat("a", messageLimit)} {
		body := fmt.Sprintf(`{"error":{"code":"LinkedAuthorizationFailed","message":%q}}`, text)
		got := volumeError(refusedBy(body)).Message
		if len(got) > messageLimit || !utf8.ValidString(got) || !strings.HasPrefix(got, "LinkedAuthorizationFailed: ") || !strings.HasSuffix(got, "...") {
			t.Errorf("%d bytes, valid %t: %.60s", len(got), utf8.ValidString(got), got)
		}
	}
	if got := volumeError(errors.New("short")).Message; got != "short" {
		t.Errorf("a short error becomes %q", got)
	}
}
