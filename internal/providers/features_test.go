package providers_test

import (
	"strings"
	"testing"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/providers/features"
	"github.com/lanyard-project/lanyard/internal/providers/registration"
)

const flagsAt = "/subscriptions/" + subscription + "/providers/Microsoft.Features"

func state(document map[string]any) string {
	properties, _ := document["properties"].(map[string]any)
	state, _ := properties["state"].(string)
	return state
}

// TestFeatureIsRegisteredAsSeed003Tells follows the words of the documentation:
// register the feature, wait for Registered, refresh the provider's registration.
func TestFeatureIsRegisteredAsSeed003Tells(t *testing.T) {
	f := newCloud(t)
	const flag = flagsAt + "/providers/Microsoft.ContainerService/features/EnablePodIdentityPreview"
	const version = "?api-version=2021-07-01"
	shown := func(want string) {
		t.Helper()
		if got := f.must(200, "GET", strings.ToLower(flag)+version, ""); state(got) != want || got["name"] != features.PodIdentity || got["id"] != flag {
			t.Fatalf("want %s: %v", want, got)
		}
	}
	enabled := func(want string) {
		t.Helper()
		err := f.features.Require(t.Context(), armid.Subscription(subscription), features.PodIdentity)
		if want == "" && err != nil || want != "" && (!rest.HasCode(err, "PreviewFeatureNotRegistered") || !strings.Contains(err.Error(), want)) {
			t.Fatalf("want %q: %v", want, err)
		}
	}
	shown("NotRegistered")
	enabled("az feature register --namespace Microsoft.ContainerService --name EnablePodIdentityPreview")
	if got := f.must(200, "POST", flag+"/register"+version, ""); state(got) != "Registering" {
		t.Fatal(got)
	}
	shown("Registering")
	enabled("state is Registering")
	f.clock.pass(registration.Takes)
	shown("Registered")
	if got := f.must(200, "GET", flagsAt+"/features"+version, ""); !strings.Contains(toJSON(t, got), `"state":"Registered"`) || len(got["value"].([]any)) < 4 {
		t.Fatal(got)
	}
	enabled("its provider doesn't know: run 'az provider register")
	f.must(200, "POST", "/subscriptions/"+subscription+"/providers/Microsoft.ContainerService/register?api-version=2021-04-01", "")
	enabled("")
	f.must(200, "POST", flag+"/unregister"+version, "")
	shown("Unregistering")
	f.clock.pass(registration.Takes)
	shown("Unregistered")
	enabled("state is Unregistered")

	f.refused(ownerID, 404, "FeatureNotFound", "GET", flagsAt+"/providers/Microsoft.ContainerService/features/Nothing"+version, "")
	if text := f.refused(guestID, 403, "AuthorizationFailed", "POST", flag+"/register"+version, ""); !strings.Contains(text, "'Microsoft.Features/providers/features/register/action'") {
		t.Error(text)
	}
}

// TestSubscriptionFeatureRegistrations shows the newer resource type of the same flags.
func TestSubscriptionFeatureRegistrations(t *testing.T) {
	f := newCloud(t)
	const one = flagsAt + "/featureProviders/Microsoft.ContainerService/subscriptionFeatureRegistrations/EnablePodIdentityPreview?api-version=2021-07-01"
	if got := f.must(200, "GET", one, ""); state(got) != "NotRegistered" {
		t.Fatal(got)
	}
	if got := f.must(200, "PUT", one, `{"properties":{}}`); state(got) != "Registering" {
		t.Fatal(got)
	}
	f.clock.pass(registration.Takes)
	if got := f.must(200, "GET", flagsAt+"/subscriptionFeatureRegistrations?api-version=2021-07-01", ""); len(got["value"].([]any)) != 1 {
		t.Fatal(got)
	}
	if got := f.must(200, "GET", flagsAt+"/providers/Microsoft.ContainerService/features/enablepodidentitypreview?api-version=2021-07-01", ""); state(got) != "Registered" {
		t.Fatal(got)
	}
	f.must(200, "DELETE", one, "")
	if got := f.must(200, "GET", one, ""); state(got) != "Unregistering" {
		t.Fatal(got)
	}
}

// TestProviderRegistrationTakesTime is az provider unregister and register --wait.
func TestProviderRegistrationTakesTime(t *testing.T) {
	f := newCloud(t)
	const at = "/subscriptions/" + subscription + "/providers/Microsoft.ManagedIdentity"
	const version = "?api-version=2021-04-01"
	const identity = "/subscriptions/" + subscription + "/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/badge?api-version=2023-01-31"
	for _, step := range []struct{ verb, now, then string }{
		{"unregister", "Unregistering", "Unregistered"}, {"register", "Registering", "Registered"},
	} {
		if got := f.must(200, "POST", at+"/"+step.verb+version, ""); got["registrationState"] != step.now {
			t.Fatal(got)
		}
		if step.verb == "unregister" {
			f.refused(ownerID, 409, "MissingSubscriptionRegistration", "PUT", identity, `{"location":"westus2"}`)
		} else {
			f.must(201, "PUT", identity, `{"location":"westus2"}`)
		}
		f.clock.pass(registration.Takes)
		if got := f.must(200, "GET", at+version, ""); got["registrationState"] != step.then {
			t.Fatal(got)
		}
	}
}
