package settings

import (
	"context"
	"errors"
	"net/http"
	"sync"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
)

// ErrRefused is why a program ends whose token isn't believed any more: its key was
// taken out of use. The SDK would send it again until it expires.
var ErrRefused = errors.New("a token that was good is refused: starting again without it")

// answers watches what ARM says to the program's tokens.
type answers struct {
	mu      sync.Mutex
	good    bool // some token was believed
	refused chan struct{}
	closed  bool
}

func newAnswers() *answers { return &answers{refused: make(chan struct{})} }

// Do implements policy.Policy, after the token is in the request.
func (a *answers) Do(request *policy.Request) (*http.Response, error) {
	response, err := request.Next()
	if err == nil {
		a.saw(response.StatusCode)
	}
	return response, err
}

// saw counts a 401 only after an answer to who was believed: a program that never
// was would gain nothing by starting again.
func (a *answers) saw(status int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case status != http.StatusUnauthorized:
		a.good = a.good || status < http.StatusInternalServerError
	case a.good && !a.closed:
		a.closed = true
		close(a.refused)
	}
}

// AwaitRefusal returns ErrRefused once ARM refuses a token of the clients of these
// settings, after it has believed one.
func (s *Settings) AwaitRefusal(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-s.answers.refused:
		return ErrRefused
	}
}
