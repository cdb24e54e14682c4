package settings

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
)

// scripted answers with one status after the other.
type scripted []int

func (s *scripted) Do(request *http.Request) (*http.Response, error) {
	status := (*s)[0]
	*s = (*s)[1:]
	return &http.Response{StatusCode: status, Body: http.NoBody, Header: http.Header{}, Request: request}, nil
}

func TestProgramsStartAgainWhenATokenIsRefusedThatWasGood(t *testing.T) {
	for name, test := range map[string]struct {
		answers []int
		again   bool
	}{
		"a good token is refused":                            {[]int{200, 401}, true},
		"one that had no right somewhere was believed too":   {[]int{403, 401}, true},
		"refused more than once":                             {[]int{404, 401, 401}, true},
		"one that never was good: nothing is gained":         {[]int{401, 401}, false},
		"a broken service believed nobody":                   {[]int{500, 401}, false},
		"all is well":                                        {[]int{200, 412, 429, 503}, false},
		"refused at first, as before the identity was there": {[]int{401, 200}, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := &Settings{answers: newAnswers()}
			asked := len(test.answers)
			script := scripted(test.answers)
			pipeline := runtime.NewPipeline("test", "v1", runtime.PipelineOptions{}, &policy.ClientOptions{
				Transport: &script, PerRetryPolicies: []policy.Policy{s.answers}, Retry: policy.RetryOptions{MaxRetries: -1},
			})
			for range asked {
				request, err := runtime.NewRequest(t.Context(), http.MethodGet, "https://arm.invalid/")
				if err != nil {
					t.Fatal(err)
				}
				response, err := pipeline.Do(request)
				if err != nil {
					t.Fatal(err)
				}
				response.Body.Close()
			}
			// What ended it is known by now: a context that is over changes nothing.
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			if !test.again {
				cancel()
			}
			defer cancel()
			if err := s.AwaitRefusal(ctx); errors.Is(err, ErrRefused) != test.again {
				t.Errorf("AwaitRefusal: %v", err)
			}
		})
	}
}
