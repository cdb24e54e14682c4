package scaleset_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/utils/clock"

	"github.com/lanyard-project/lanyard/internal/cluster/armtest"
	"github.com/lanyard-project/lanyard/internal/cluster/scaleset"
)

const setPath = "/subscriptions/S/resourceGroups/G/providers/Microsoft.Compute/virtualMachineScaleSets/Pool"

var setID = scaleset.ID{Subscription: "s", ResourceGroup: "g", Name: "pool"}

func identity(name string) string {
	return "/subscriptions/s/resourcegroups/g/providers/microsoft.managedidentity/userassignedidentities/" + name
}

func newARM(t *testing.T, polls int, assigned ...string) (*armtest.Server, *scaleset.ARM) {
	t.Helper()
	fake := armtest.New(t)
	fake.AddScaleSet(setPath, polls, assigned...)
	return fake, scaleset.NewARM(fake, fake.Options(), clock.RealClock{})
}

func TestPatchAddsAndRemovesAndWaits(t *testing.T) {
	for _, polls := range []int{0, 1, 3} {
		t.Run(fmt.Sprint(polls, " polls"), func(t *testing.T) {
			fake, client := newARM(t, polls, strings.ToUpper(identity("old")), identity("other"))
			fake.SetIdentity(identity("new"), &armtest.Identity{ClientID: "client-new"})
			fake.SetIdentity(identity("other"), &armtest.Identity{ClientID: "client-other"})
			seen, err := client.Get(t.Context(), setID)
			if err != nil {
				t.Fatal(err)
			}
			got, err := client.Patch(t.Context(), setID, seen, []scaleset.Change{
				{Identity: identity("new")}, {Identity: identity("old"), Remove: true},
			})
			if err != nil {
				t.Fatal(err)
			}
			want := map[string]string{identity("new"): "client-new", identity("other"): "client-other"}
			if diff := cmp.Diff(want, got.ClientIDs); diff != "" {
				t.Errorf("state after the PATCH (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRemovingTheLastOne(t *testing.T) {
	fake, client := newARM(t, 1, identity("a"), identity("b"))
	seen, err := client.Get(t.Context(), setID)
	if err != nil {
		t.Fatal(err)
	}
	got, err := client.Patch(t.Context(), setID, seen, []scaleset.Change{
		{Identity: identity("a"), Remove: true}, {Identity: identity("b"), Remove: true},
	})
	if err != nil || len(got.ClientIDs) != 0 || len(fake.Assigned(setPath)) != 0 {
		t.Errorf("left %v, %v, %v", got.ClientIDs, fake.Assigned(setPath), err)
	}
}

// aad-pod-identity had no If-Match: a PATCH on top of a stale GET undid what
// somebody else had done in between.
func TestStaleStateIsNotWritten(t *testing.T) {
	fake, client := newARM(t, 0, identity("a"))
	seen, err := client.Get(t.Context(), setID)
	if err != nil {
		t.Fatal(err)
	}
	fake.SetIdentity(identity("b"), &armtest.Identity{})
	if _, err := client.Patch(t.Context(), setID, seen, []scaleset.Change{{Identity: identity("b")}}); err != nil {
		t.Fatal(err) // somebody else adds b
	}
	_, err = client.Patch(t.Context(), setID, seen, []scaleset.Change{{Identity: identity("a"), Remove: true}})
	var fault *scaleset.Fault
	if !errors.As(err, &fault) || fault.Code != "PreconditionFailed" || fault.Blame != scaleset.BlameScaleSet {
		t.Errorf("got %v, want PreconditionFailed", err)
	}
	if diff := cmp.Diff([]string{identity("a"), identity("b")}, fake.Assigned(setPath)); diff != "" {
		t.Errorf("identities (-want +got):\n%s", diff)
	}
}

func TestFaults(t *testing.T) {
	tests := []struct {
		name    string
		prepare func(*armtest.Server)
		set     scaleset.ID
		want    scaleset.Fault
	}{
		{"no such scale set", func(*armtest.Server) {}, scaleset.ID{Subscription: "s", ResourceGroup: "g", Name: "gone"},
			scaleset.Fault{Blame: scaleset.BlameAbsence, Code: "ResourceNotFound"}},
		{"throttled", func(s *armtest.Server) { s.Throttle(7 * time.Second) }, setID,
			scaleset.Fault{Blame: scaleset.BlameScaleSet, Code: "TooManyRequests", RetryAfter: 7 * time.Second}},
		{"may not write", func(s *armtest.Server) { s.Fail("PATCH", 1, 403, "AuthorizationFailed", "no") }, setID,
			scaleset.Fault{Blame: scaleset.BlameScaleSet, Code: "AuthorizationFailed"}},
		{"may not assign", func(s *armtest.Server) { s.SetIdentity(identity("x"), &armtest.Identity{Forbidden: true}) }, setID,
			scaleset.Fault{Blame: scaleset.BlameIdentity, Code: "LinkedAuthorizationFailed"}},
		{"no such identity", func(*armtest.Server) {}, setID,
			scaleset.Fault{Blame: scaleset.BlameIdentity, Code: "FailedIdentityOperation"}},
		{"Azure is ill", func(s *armtest.Server) { s.Fail("GET", 1, 503, "ServiceUnavailable", "later") }, setID,
			scaleset.Fault{Blame: scaleset.BlameScaleSet, Code: "ServiceUnavailable"}},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			fake, client := newARM(t, 0)
			tc.prepare(fake)
			state, err := client.Get(t.Context(), tc.set)
			if err == nil {
				_, err = client.Patch(t.Context(), tc.set, state, []scaleset.Change{{Identity: identity("x")}})
			}
			var got *scaleset.Fault
			if !errors.As(err, &got) {
				t.Fatalf("got %v", err)
			}
			if got.Blame != tc.want.Blame || got.Code != tc.want.Code || got.RetryAfter != tc.want.RetryAfter {
				t.Errorf("got %+v, want %+v", *got, tc.want)
			}
			if text := got.Error(); strings.ContainsAny(text, "\n\r") || !strings.HasPrefix(text, tc.want.Code+": ") {
				t.Errorf("the fault reads %q", text)
			}
		})
	}
}

func TestUnreachableAzure(t *testing.T) {
	fake, _ := newARM(t, 0)
	options := fake.Options()
	service := options.Cloud.Services["resourceManager"]
	service.Endpoint = "https://127.0.0.1:1"
	options.Cloud.Services["resourceManager"] = service
	client := scaleset.NewARM(fake, options, clock.RealClock{})
	_, err := client.Get(t.Context(), setID)
	var got *scaleset.Fault
	if !errors.As(err, &got) || got.Blame != scaleset.BlameScaleSet || got.Code != "" || strings.Contains(got.Error(), "\n") {
		t.Errorf("got %v", err)
	}
}
