package pipeline_test

import (
	"strings"
	"testing"
)

func TestLongRunningCreation(t *testing.T) {
	w := newWorld(t)
	release := w.toys.hold()
	box := w.group(t, "g") + "/providers/Toys.Test/boxes/x"
	a := w.want(t, w.do(t, "PUT", box, `{"location":"eastus","properties":{"a":1}}`), 201)
	follow := a.header.Get("Azure-AsyncOperation")
	if a.at("properties.provisioningState") != "Creating" || a.header.Get("Retry-After") != "1" || a.header.Get("Location") != "" ||
		!strings.HasPrefix(follow, origin+sub+"/providers/Toys.Test/locations/eastus/operations/") || !strings.HasSuffix(follow, "?api-version="+version) {
		t.Fatalf("%s %v", a.body, a.header)
	}
	path := strings.TrimPrefix(follow, origin)
	status := w.want(t, w.do(t, "GET", path, ""), 200)
	if status.at("status") != "InProgress" || status.header.Get("Retry-After") != "1" || status.at("endTime") != nil || status.at("startTime") == nil {
		t.Errorf("%s", status.body)
	}
	if a := w.do(t, "PUT", box, `{"location":"eastus"}`); a.status != 409 || a.code() != "AnotherOperationInProgress" {
		t.Error(a.body)
	}
	if a := w.do(t, "GET", path, "", "Authorization", "Bearer mia"); a.status != 404 {
		t.Error("somebody without rights sees the operation: ", a.body)
	}
	w.rules.grant("mia", "Toys.Test/boxes/read", box)
	w.want(t, w.do(t, "GET", path, "", "Authorization", "Bearer mia"), 200)
	release()
	if status = w.eventually(t, 200, "GET", path); status.at("status") != "Succeeded" || status.at("endTime") == nil || status.at("error") != nil {
		t.Error(status.body)
	}
	done := w.want(t, w.do(t, "GET", box, ""), 200)
	if done.at("properties.provisioningState") != "Succeeded" || done.at("properties.built.sides") != 6.0 || done.at("properties.a") != 1.0 {
		t.Error(done.body)
	}
	if a := w.want(t, w.do(t, "POST", box+"/open", ""), 200); a.at("opened") != "x" {
		t.Error(a.body)
	}
}

func TestOperationThatFails(t *testing.T) {
	w := newWorld(t)
	box := w.group(t, "g") + "/providers/Toys.Test/boxes/x"
	a := w.want(t, w.do(t, "PUT", box, `{"location":"eastus","properties":{"break":true}}`), 201)
	status := w.eventually(t, 200, "GET", a.header.Get("Azure-AsyncOperation"))
	if status.at("status") != "Failed" || status.at("error.code") != "BoxBroke" || status.at("error.message") != "The box broke." {
		t.Error(status.body)
	}
	if a := w.want(t, w.do(t, "GET", box, ""), 200); a.at("properties.provisioningState") != "Failed" {
		t.Error(a.body)
	}
	result := strings.Replace(a.header.Get("Azure-AsyncOperation"), "/operations/", "/operationresults/", 1)
	if a := w.do(t, "GET", strings.TrimPrefix(result, origin), ""); a.status != 409 || a.code() != "BoxBroke" {
		t.Error(a.body)
	}
}

func TestDeleteCancelsCreation(t *testing.T) {
	w := newWorld(t)
	release := w.toys.hold()
	box := w.group(t, "g") + "/providers/Toys.Test/boxes/x"
	created := w.want(t, w.do(t, "PUT", box, `{"location":"eastus"}`), 201)
	deleted := w.want(t, w.do(t, "DELETE", box, ""), 202)
	if a := w.want(t, w.do(t, "DELETE", box, ""), 202); a.header.Get("Location") != deleted.header.Get("Location") {
		t.Error("a second delete began another operation")
	}
	if a := w.eventually(t, 200, "GET", created.header.Get("Azure-AsyncOperation")); a.at("status") != "Canceled" || a.at("error.code") != "OperationCanceled" {
		t.Error(a.body)
	}
	if a := w.want(t, w.do(t, "GET", strings.TrimPrefix(deleted.header.Get("Location"), origin), ""), 202); a.header.Get("Location") == "" || a.header.Get("Retry-After") != "1" {
		t.Error(a.header)
	}
	release()
	w.eventually(t, 204, "GET", deleted.header.Get("Location"))
	if a := w.eventually(t, 200, "GET", deleted.header.Get("Azure-AsyncOperation")); a.at("status") != "Succeeded" {
		t.Error(a.body)
	}
	w.want(t, w.do(t, "GET", box, ""), 404)
	w.want(t, w.do(t, "DELETE", box, ""), 204)
}

func TestResourceGroupDeletionCascades(t *testing.T) {
	w := newWorld(t)
	group := w.group(t, "g")
	other := w.group(t, "g2")
	for _, path := range []string{group + "/providers/Toys.Test/balls/b", group + "/providers/Toys.Test/balls/b/dots/d",
		group + "/providers/Toys.Test/boxes/x", group + "/providers/Toys.Test/labels/l", other + "/providers/Toys.Test/balls/b"} {
		w.want(t, w.do(t, "PUT", path, `{"location":"eastus"}`), 201)
	}
	w.eventually(t, 200, "GET", group+"/providers/Toys.Test/boxes/x")
	release := w.toys.hold()
	a := w.want(t, w.do(t, "DELETE", sub+"/resourcegroups/g", ""), 202)
	location := a.header.Get("Location")
	if a.header.Get("Azure-AsyncOperation") != "" || !strings.HasPrefix(location, origin+sub+"/operationresults/") || a.header.Get("Retry-After") == "" {
		t.Error(a.header)
	}
	if a := w.want(t, w.do(t, "GET", group, ""), 200); a.at("properties.provisioningState") != "Deleting" {
		t.Error(a.body)
	}
	if a := w.do(t, "PUT", group+"/providers/Toys.Test/balls/late", `{"location":"eastus"}`); a.status != 409 || a.code() != "ResourceGroupBeingDeleted" {
		t.Error(a.body)
	}
	if a := w.do(t, "PUT", group, `{"location":"eastus"}`); a.status != 409 {
		t.Error(a.body)
	}
	// The box refers to balls, so they stay until it is gone.
	w.want(t, w.do(t, "GET", group+"/providers/Toys.Test/balls/b", ""), 200)
	release()
	w.eventually(t, 200, "GET", location)
	w.want(t, w.do(t, "GET", group, ""), 404)
	for _, path := range []string{"balls/b", "balls/b/dots/d", "boxes/x", "labels/l"} {
		w.want(t, w.do(t, "GET", group+"/providers/Toys.Test/"+path, ""), 404)
	}
	w.want(t, w.do(t, "GET", other+"/providers/Toys.Test/balls/b", ""), 200)
	if a := w.want(t, w.do(t, "GET", sub+"/resourcegroups?$filter=name+eq+'G2'", ""), 200); len(a.doc["value"].([]any)) != 1 {
		t.Error(a.body)
	}
	if a := w.do(t, "GET", sub+"/resourcegroups?$filter=nonsense", ""); a.status != 400 || a.code() != "InvalidFilterInQueryString" {
		t.Error(a.body)
	}
	// Nothing of the old group comes back with a new one of its name.
	w.group(t, "g")
	if a := w.want(t, w.do(t, "GET", group+"/resources", ""), 200); len(a.doc["value"].([]any)) != 0 {
		t.Error(a.body)
	}
}

func TestProviderRegistration(t *testing.T) {
	w := newWorld(t)
	ball := w.group(t, "g") + "/providers/Toys.Test/balls/b"
	registration := sub + "/providers/toys.test?api-version=2021-04-01"
	a := w.want(t, w.do(t, "GET", registration, ""), 200)
	if a.at("registrationState") != "Registered" || a.at("namespace") != "Toys.Test" || a.at("id") != sub+"/providers/Toys.Test" || len(a.doc["resourceTypes"].([]any)) != 4 {
		t.Error(a.body)
	}
	// Registering what is registered, as az provider register does after a preview feature, refuses nothing.
	w.want(t, w.do(t, "POST", sub+"/providers/Toys.Test/register?api-version=2021-04-01", ""), 200)
	w.want(t, w.do(t, "PUT", w.group(t, "other")+"/providers/Toys.Test/balls/b", `{"location":"eastus"}`), 201)
	w.want(t, w.do(t, "POST", sub+"/providers/Toys.Test/unregister?api-version=2021-04-01", ""), 200)
	if a := w.do(t, "PUT", ball, `{"location":"eastus"}`); a.status != 409 || a.code() != "MissingSubscriptionRegistration" ||
		a.message() != "The subscription is not registered to use namespace 'Toys.Test'. See https://aka.ms/rps-not-found for how to register subscriptions." {
		t.Error(a.body)
	}
	if a := w.do(t, "POST", sub+"/providers/Toys.Test/register?api-version=2019-05-01", "", "Authorization", "Bearer mia"); a.status != 403 || !strings.Contains(a.message(), "'Toys.Test/register/action'") {
		t.Error(a.body)
	}
	if a := w.want(t, w.do(t, "POST", sub+"/providers/toys.test/register?api-version=2019-05-01", ""), 200); a.at("registrationState") != "Registering" {
		t.Error(a.body)
	}
	w.want(t, w.do(t, "PUT", ball, `{"location":"eastus"}`), 201)
	if a := w.want(t, w.do(t, "GET", sub+"/providers", ""), 200); len(a.doc["value"].([]any)) != 2 {
		t.Error(a.body)
	}
	if a := w.want(t, w.do(t, "GET", sub+"/locations?api-version=2019-11-01", ""), 200); len(a.doc["value"].([]any)) < 40 {
		t.Error(a.body)
	}
	if a := w.want(t, w.do(t, "GET", "/tenants?api-version=2019-11-01", "", "Authorization", "Bearer nobody"), 200); !strings.Contains(a.body, tenant) {
		t.Error(a.body)
	}
}

func TestExtensionsOfAnything(t *testing.T) {
	w := newWorld(t)
	group := w.group(t, "g")
	ball := group + "/providers/Toys.Test/balls/b"
	w.want(t, w.do(t, "PUT", ball, `{"location":"eastus"}`), 201)
	for _, scope := range []string{"", sub, group, ball} {
		label := scope + "/providers/Toys.Test/labels/l"
		if a := w.want(t, w.do(t, "PUT", label, `{"properties":{"x":1}}`), 201); a.at("id") != label {
			t.Error(a.body)
		}
		if a := w.want(t, w.do(t, "GET", scope+"/providers/toys.test/LABELS", ""), 200); len(a.doc["value"].([]any)) != 1 {
			t.Errorf("%s: %s", scope, a.body)
		}
	}
	w.want(t, w.do(t, "DELETE", ball, ""), 200)
	w.want(t, w.do(t, "GET", ball+"/providers/Toys.Test/labels/l", ""), 404)
}
