package scaleset

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
)

// Blame says what a failed call is the fault of, and so what to do next.
type Blame int

const (
	// BlameScaleSet: the call as a whole failed (network, sign-in, throttling,
	// missing permission on the scale set, conflict): try it again later.
	BlameScaleSet Blame = iota
	// BlameIdentity: Azure refuses an identity of the batch: try without it.
	BlameIdentity
	// BlameAbsence: there is no such scale set.
	BlameAbsence
)

// Fault is a failed ARM call.
type Fault struct {
	Blame   Blame
	Code    string // ARM's error code, empty if no answer came
	Message string
	// RetryAfter is how long the service asked to wait; zero if it didn't.
	RetryAfter time.Duration

	status int // of the answer, 0 if none came
	cause  error
}

// Error returns one line: events and logs have no room for the SDK's picture
// of the whole response.
func (f *Fault) Error() string {
	if f.Code == "" {
		return f.Message
	}
	return fmt.Sprintf("%s: %s", f.Code, f.Message)
}

// Unwrap returns the SDK's error.
func (f *Fault) Unwrap() error { return f.cause }

// faultOf sorts an error of the Azure SDK.
func faultOf(err error, now time.Time) *Fault {
	var known *Fault
	if errors.As(err, &known) {
		return known
	}
	f := &Fault{Message: oneLine(err.Error()), cause: err}
	var answer *azcore.ResponseError
	if !errors.As(err, &answer) {
		return f
	}
	f.Code, f.status = answer.ErrorCode, answer.StatusCode
	if text := messageIn(answer.RawResponse); text != "" {
		f.Message = oneLine(text)
	}
	f.RetryAfter = retryAfter(answer.RawResponse, now)
	f.Blame = blame(answer)
	return f
}

func blame(answer *azcore.ResponseError) Blame {
	method := ""
	if r := answer.RawResponse; r != nil && r.Request != nil {
		method = r.Request.Method
	}
	switch {
	case answer.ErrorCode == "LinkedAuthorizationFailed",
		answer.ErrorCode == "FailedIdentityOperation",
		answer.ErrorCode == "InvalidIdentityId":
		return BlameIdentity
	case answer.StatusCode == http.StatusNotFound && method == http.MethodGet:
		return BlameAbsence
	case method == http.MethodPatch && (answer.StatusCode == http.StatusBadRequest || answer.StatusCode == http.StatusNotFound):
		return BlameIdentity
	}
	return BlameScaleSet
}

func messageIn(resp *http.Response) string {
	if resp == nil {
		return ""
	}
	body, err := runtime.Payload(resp)
	if err != nil {
		return ""
	}
	var doc struct {
		Error struct{ Message string }
	}
	if json.Unmarshal(body, &doc) != nil {
		return ""
	}
	return doc.Error.Message
}

func retryAfter(resp *http.Response, now time.Time) time.Duration {
	if resp == nil {
		return 0
	}
	value := resp.Header.Get("Retry-After")
	if seconds, err := strconv.Atoi(value); err == nil && seconds > 0 {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil && at.After(now) {
		return at.Sub(now)
	}
	return 0
}

func oneLine(text string) string {
	return strings.Join(strings.Fields(text), " ")
}
