package entra_test

import (
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"github.com/lanyard-project/lanyard/internal/directory"
)

// Clusters that are run elsewhere issue in one name, and each calls its keys what it likes: one that calls its key as
// another's is called must neither pass for that one nor keep it out.
func TestHostileIssuerCallsItsKeyAsAnothers(t *testing.T) {
	const inside = "https://kubernetes.default.svc.cluster.local"
	clock := fakeClock()
	c, hostile, honest, stranger := start(t, clock), newIssuer(t), newIssuer(t), newIssuer(t)
	c.aliases = map[string]string{hostile.url: inside, honest.url: inside, stranger.url: inside}
	p := c.identity(t)
	for name, url := range map[string]string{"a": hostile.url, "b": honest.url} {
		if _, err := c.directory.SetFederated(t.Context(), p.ObjectID, directory.FederatedCredential{
			Name: name, Issuer: url, Subject: "system:serviceaccount:ns:sa", Audiences: []string{exchange},
		}, true); err != nil {
			t.Fatal(err)
		}
	}
	as := map[string]any{"iss": inside}
	for name, from := range map[string]issuer{"one": hostile, "the other": honest} {
		if got := c.exchange(t, p.AppID, from.token(t, clock.Now(), from.key, jose.RS256, "1", as)); got.status != 200 {
			t.Errorf("%s: %d %v", name, got.status, got.body)
		}
	}
	got := c.exchange(t, p.AppID, stranger.token(t, clock.Now(), stranger.key, jose.RS256, "1", as))
	if !cmp.Equal(got.body["error_codes"], []any{700027.0}) {
		t.Errorf("one that no credential names: %d %v", got.status, got.body)
	}
}
