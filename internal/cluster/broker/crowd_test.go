package broker_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lanyard-project/lanyard/internal/brokerapi"
	"github.com/lanyard-project/lanyard/internal/cluster/broker"
)

// reviewer is an API server that takes a second to say that it knows no token but one.
type reviewer struct {
	client.Client
	good           string
	asked, most, n atomic.Int32
}

func (r *reviewer) Create(_ context.Context, o client.Object, _ ...client.CreateOption) error {
	r.asked.Add(1)
	if now := r.n.Add(1); now > r.most.Load() {
		r.most.Store(now)
	}
	defer r.n.Add(-1)
	time.Sleep(time.Second)
	review := o.(*authenticationv1.TokenReview)
	if review.Spec.Token == r.good {
		review.Status = authenticationv1.TokenReviewStatus{
			Authenticated: true, Audiences: []string{brokerapi.Audience},
			User: authenticationv1.UserInfo{
				Username: "system:serviceaccount:kube-system:lanyard-nmi",
				Extra:    map[string]authenticationv1.ExtraValue{"authentication.kubernetes.io/node-name": {"node1"}},
			},
		}
	}
	return nil
}

// Every pod reaches mic's broker. One that makes up token after token doesn't get the API server flooded, nor do agents elsewhere
// notice it.
func TestMadeUpTokensDoNotFloodTheAPIServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := &reviewer{good: "agent"}
		b, err := broker.New(broker.Options{Kube: api, Agent: "kube-system/lanyard-nmi", Clock: clock.RealClock{}, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		ask := func(remote, token string) int {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, brokerapi.TokenPath, nil)
			r.RemoteAddr = remote
			r.Header.Set("Authorization", "Bearer "+token)
			w := httptest.NewRecorder()
			b.ServeHTTP(w, r)
			return w.Code
		}
		for i := range 1000 {
			go ask("10.0.0.9:1000", fmt.Sprint("made-up-", i))
		}
		synctest.Wait()
		if got := ask("10.0.0.4:1000", "agent"); got != http.StatusBadRequest { // past the door: the empty body is refused
			t.Errorf("an agent got %d while another address makes up tokens", got)
		}
		synctest.Wait()
		if got := api.asked.Load(); got > 12 {
			t.Errorf("the API server was asked %d times", got)
		}
		before := api.asked.Load()
		if got := ask("10.0.0.4:1001", "agent"); got != http.StatusBadRequest || api.asked.Load() != before {
			t.Errorf("asked again, the agent got %d after %d more reviews", got, api.asked.Load()-before)
		}
		// many addresses at once
		for i := range 200 {
			go ask(fmt.Sprintf("10.0.1.%d:1", i), fmt.Sprint("other-", i))
		}
		time.Sleep(time.Minute)
		if got := api.most.Load(); got > 16 {
			t.Errorf("%d reviews at a time", got)
		}
	})
}
