package blobs

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"k8s.io/utils/clock"

	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/dataplane"
	"github.com/lanyard-project/lanyard/internal/directory"
)

// one is the account that there is.
type one struct {
	Accounts
	account *resource.Resource
}

func (o one) Account(context.Context, string) (*resource.Resource, error) { return o.account, nil }

// unlimited fails the test when a request is given more time.
type unlimited struct {
	http.ResponseWriter
	t *testing.T
}

func (u unlimited) SetReadDeadline(time.Time) error  { u.t.Error("more time to send"); return nil }
func (u unlimited) SetWriteDeadline(time.Time) error { u.t.Error("more time to receive"); return nil }

// Who doesn't say who he is has no more time than at any other door.
func TestStrangersHaveNoMoreTime(t *testing.T) {
	s := &Service{
		Accounts: one{account: &resource.Resource{ID: newContainer("c").ID.Parent().Parent()}}, Log: slog.New(slog.DiscardHandler), Clock: clock.RealClock{},
		Gate: dataplane.Gate{TenantOf: func(string) (directory.Tenant, bool) { return directory.Tenant{}, false }},
	}
	w := httptest.NewRecorder()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPut, "https://a.blob.core.windows.net/c/b", nil)
	r.Header.Set("x-ms-version", oldest)
	s.ServeHTTP(unlimited{w, t}, r)
	if w.Code != http.StatusUnauthorized {
		t.Errorf("a stranger got %d", w.Code)
	}
}
