package login

import (
	"errors"
	"strings"
)

// ErrSignedOut says that nobody is signed in to the cloud.
var ErrSignedOut = errors.New("Please run 'lanyard login' to setup account.") //nolint:staticcheck // az's text

// Refusal is the token service's own message about a sign-in.
type Refusal struct {
	text string
	err  error
}

func (r *Refusal) Error() string { return r.text }

func (r *Refusal) Unwrap() error { return r.err }

// Explain takes the token service's message out of what the SDK puts around it: the whole
// request and answer. Other errors stay as they are.
func Explain(err error) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	at := strings.Index(text, "AADSTS")
	if at < 0 {
		return err
	}
	message := text[at:]
	for _, end := range []string{`","`, `"}`, "\",\n", "\r\n"} {
		if i := strings.Index(message, end); i >= 0 {
			message = message[:i]
		}
	}
	return &Refusal{strings.TrimRight(strings.ReplaceAll(message, `\r\n`, " "), `" `), err}
}
