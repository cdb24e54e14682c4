package azure

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"

	"github.com/lanyard-project/lanyard/internal/cli/value"
)

// Error is a refusal of a service.
type Error struct {
	Status  int
	Code    string
	Message string
	// Text is what az prints of it.
	Text string
}

func (e *Error) Error() string { return e.Text }

// NotFound reports whether a service said that something isn't there.
func NotFound(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Status == http.StatusNotFound
}

// Code is the service's code of an error, or "".
func Code(err error) string {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// newError reads the two shapes that ARM's errors have: within "error", and flat.
func newError(response *http.Response, v any, data []byte) *Error {
	e := &Error{Status: response.StatusCode}
	body, _ := v.(*value.Object)
	inner := body.Object("error")
	if inner == nil && body.String("code") != "" {
		inner = body
	}
	if inner == nil {
		// az prints the reason of the status line, and the body behind it.
		e.Text = "Operation returned an invalid status '" + http.StatusText(response.StatusCode) + "'"
		if len(data) > 0 {
			e.Text += "\nContent: " + string(data[:min(len(data), 2000)])
		}
		return e
	}
	e.Code, e.Message = inner.String("code"), inner.String("message")
	e.Text = describe(inner)
	return e
}

// describe writes an error as az does: the code and message twice, target and details
// below.
func describe(e *value.Object) string {
	code, message := e.String("code"), e.String("message")
	text := "(" + code + ") " + message + "\nCode: " + code + "\nMessage: " + message
	if target := e.String("target"); target != "" {
		text += "\nTarget: " + target
	}
	if details := e.List("details"); len(details) > 0 {
		text += "\nException Details:"
		for _, detail := range details {
			if d, ok := detail.(*value.Object); ok {
				text += "\t" + strings.ReplaceAll(describe(d), "\n", "\n\t")
			}
		}
	}
	if inner := e.Object("innererror"); inner.Len() > 0 {
		if data, err := json.MarshalIndent(inner, "", "    "); err == nil {
			text += "\nInner error: " + string(data)
		}
	}
	return text
}

// fromSDK turns the SDK's error about a failed operation into one of ours.
func fromSDK(err error) error {
	var response *azcore.ResponseError
	if !errors.As(err, &response) || response.RawResponse == nil {
		return err
	}
	data, readErr := runtime.Payload(response.RawResponse)
	if readErr != nil {
		return err
	}
	v, _ := value.Decode(data)
	return newError(response.RawResponse, v, data)
}
