package source

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"

	"github.com/lanyard-project/lanyard/internal/brokerapi"
	"github.com/lanyard-project/lanyard/internal/node/kube"
	"github.com/lanyard-project/lanyard/internal/secret"
)

// Get reads or watches a collection, of which mic tells the objects that concern the agent's node. It answers as the API server does,
// whose versions it passes on, so that a watch goes on at another replica.
func (b *Broker) Get(ctx context.Context, path string, query url.Values) (*http.Response, error) {
	account, err := b.account()
	if err != nil {
		return nil, err
	}
	var failed error
	for _, again := range []bool{false, true} {
		replicas, err := b.known(ctx, again)
		if err != nil {
			failed = errors.Join(failed, err)
			break
		}
		for _, at := range rand.Perm(len(replicas)) {
			response, err := replicas[at].open(ctx, account, path, query)
			var refused *kube.StatusError
			if err == nil || errors.As(err, &refused) && refused.Code == http.StatusGone { // every replica knows as much
				return response, err
			}
			failed = errors.Join(failed, err)
		}
	}
	if failed == nil {
		failed = errors.New("no broker is announced")
	}
	return nil, failed
}

// open gives the answer whose body goes on for as long as the caller reads.
func (r *replica) open(ctx context.Context, account secret.String, path string, query url.Values) (*http.Response, error) {
	target := "https://" + r.Address + brokerapi.ObjectsPath + path + "?" + query.Encode()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return nil, fmt.Errorf("making a request: %w", err)
	}
	request.Header.Set("Authorization", "Bearer "+account.Reveal())
	response, err := r.streams.Do(request)
	if err != nil {
		return nil, fmt.Errorf("asking mic: %w", err)
	}
	if response.StatusCode != http.StatusOK {
		defer response.Body.Close()
		return nil, kube.ReadStatus(response)
	}
	return response, nil
}
