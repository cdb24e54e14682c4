package entra_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"strings"
	"testing"
	"time"

	"k8s.io/utils/clock"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/directory"
	"github.com/lanyard-project/lanyard/internal/entra"
)

const scaleSet = "/subscriptions/22222222-2222-2222-2222-222222222222/resourceGroups/MC/providers/Microsoft.Compute/virtualMachineScaleSets/V"

func TestManagedIdentityTokens(t *testing.T) {
	clock := fakeClock()
	c := start(t, clock)
	user := c.identity(t)
	system, err := c.directory.EnsureManagedIdentity(t.Context(), directory.ManagedIdentity{TenantID: c.tenant.ID, ResourceID: armid.MustParse(scaleSet)})
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name  string
		p     directory.ServicePrincipal
		host  string
		mirid string
	}{
		{"user-assigned", user, scaleSet, strings.Replace(identityID.String(), "resourceGroups", "resourcegroups", 1)},
		{"system-assigned", system, "", strings.Replace(scaleSet, "resourceGroups", "resourcegroups", 1)},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := c.service.ManagedIdentityToken(t.Context(), entra.IdentityRequest{ObjectID: test.p.ObjectID, Resource: arm, Host: test.host})
			if err != nil {
				t.Fatal(err)
			}
			if got.ExpiresIn != 86399*time.Second || got.ExtExpiresIn != got.ExpiresIn || got.RefreshIn != 12*time.Hour || got.Resource != arm {
				t.Errorf("%+v", got)
			}
			_, claims := c.read(t, got.Token.Raw.Reveal())
			for name, want := range map[string]any{
				"aud": arm, "appid": test.p.AppID, "appidacr": "2", "oid": test.p.ObjectID, "sub": test.p.ObjectID, "xms_mirid": test.mirid, "ver": "1.0",
			} {
				if claims[name] != want {
					t.Errorf("%s is %v, want %v", name, claims[name], want)
				}
			}
			if host, _ := claims["xms_az_rid"].(string); host != test.host {
				t.Errorf("xms_az_rid is %q", host)
			}
			if claims["exp"].(float64)-claims["nbf"].(float64) != 86700 {
				t.Errorf("lives from %v to %v", claims["nbf"], claims["exp"])
			}
		})
	}

	var refused *entra.Error
	if _, err := c.service.ManagedIdentityToken(t.Context(), entra.IdentityRequest{ObjectID: user.ObjectID, Resource: "https://evil.example"}); !errors.As(err, &refused) || refused.Code != 500011 {
		t.Errorf("unknown resource: %v", err)
	}
	if _, err := c.service.ManagedIdentityToken(t.Context(), entra.IdentityRequest{ObjectID: c.app.ObjectID, Resource: arm}); !errors.Is(err, entra.ErrNoIdentity) {
		t.Errorf("an application: %v", err)
	}
	if err := c.directory.DeleteManagedIdentity(t.Context(), identityID); err != nil {
		t.Fatal(err)
	}
	if _, err := c.service.ManagedIdentityToken(t.Context(), entra.IdentityRequest{ObjectID: user.ObjectID, Resource: arm}); !errors.Is(err, entra.ErrNoIdentity) {
		t.Errorf("after the deletion: %v", err)
	}
}

// BenchmarkManagedIdentityToken is the whole way of a token that no cache has: the
// identity's assertion signed, verified and exchanged, the token signed and
// recorded. sts_mint_vs_rsa2048 is its rate over the rate of nothing but an
// RSA-2048 signature by the same key, taken in turns so that both see the same machine.
func BenchmarkManagedIdentityToken(b *testing.B) {
	c := start(b, clock.RealClock{})
	p := c.identity(b)
	private, digest := c.ring.Signing().Private(), sha256.Sum256([]byte("x"))
	var minting, signing time.Duration
	for b.Loop() {
		began := time.Now()
		if _, err := c.service.ManagedIdentityToken(b.Context(), entra.IdentityRequest{ObjectID: p.ObjectID, Resource: arm, Host: scaleSet}); err != nil {
			b.Fatal(err)
		}
		minted := time.Now()
		if _, err := rsa.SignPKCS1v15(rand.Reader, private, crypto.SHA256, digest[:]); err != nil {
			b.Fatal(err)
		}
		minting, signing = minting+minted.Sub(began), signing+time.Since(minted)
	}
	n := float64(b.N)
	b.ReportMetric(n/minting.Seconds(), "mint_rps")
	b.ReportMetric(n/signing.Seconds(), "rsa2048_rps")
	b.ReportMetric(signing.Seconds()/minting.Seconds(), "sts_mint_vs_rsa2048")
}
