package providers_test

import (
	"strings"
	"testing"

	"github.com/google/uuid"
)

const lockVer = "?api-version=2016-09-01"

func lockAt(scope, name string) string {
	return scope + "/providers/Microsoft.Authorization/locks/" + name + lockVer
}

func TestLocksHoldEverywhere(t *testing.T) {
	f := newCloud(t)
	const badge = identityPath + "?api-version=2023-01-31"
	f.must(201, "PUT", badge, `{"location":"westus2"}`)
	groupPath := group("g").String()

	// CanNotDelete on a resource: it can be changed, but neither it nor its group can go.
	if got := f.must(201, "PUT", lockAt(identityPath, "keep"), `{"properties":{"level":"cannotdelete","notes":"n"}}`); got["properties"].(map[string]any)["level"] != "CanNotDelete" {
		t.Error(got)
	}
	want := "The scope '" + identityPath + "' cannot perform delete operation because following scope(s) are locked: '" + identityPath + "'. Please remove the lock and try again."
	if text := f.refused(ownerID, 409, "ScopeLocked", "DELETE", badge, ""); text != want {
		t.Errorf("got  %s\nwant %s", text, want)
	}
	f.refused(ownerID, 409, "ScopeLocked", "DELETE", groupPath+"?api-version=2021-04-01", "")
	f.must(200, "PUT", badge, `{"location":"westus2","tags":{"a":"b"}}`)

	// ReadOnly on the group: nothing in it changes, neither do its role assignments.
	f.must(201, "PUT", lockAt(groupPath, "freeze"), `{"properties":{"level":"ReadOnly"}}`)
	if text := f.refused(ownerID, 409, "ScopeLocked", "PUT", badge, `{"location":"westus2"}`); !strings.Contains(text, "cannot perform write operation because following scope(s) are locked: '"+groupPath+"'") {
		t.Error(text)
	}
	f.refused(ownerID, 409, "ScopeLocked", "PUT", assignmentPath(identityPath, uuid.NewString())+roleVer, typed(assignBody(readerRole, guestID)))
	f.refused(ownerID, 409, "ScopeLocked", "PATCH", identityPath+"/providers/Microsoft.Resources/tags/default?api-version=2021-04-01", `{"operation":"Merge","properties":{"tags":{}}}`)
	f.must(200, "GET", badge, "")

	// Locks can be seen and lifted by those who may.
	if got := f.must(200, "GET", subPath+"/providers/Microsoft.Authorization/locks"+lockVer, "")["value"].([]any); len(got) != 2 {
		t.Error(got)
	}
	if got := f.must(200, "GET", groupPath+"/providers/Microsoft.Authorization/locks"+lockVer+"&$filter=atScope()", "")["value"].([]any); len(got) != 1 {
		t.Error(got)
	}
	f.grant(guestID, "b24988ac-6180-42a0-ab88-20f7382dd24c", group("g"))
	f.refused(guestID, 403, "AuthorizationFailed", "DELETE", lockAt(groupPath, "freeze"), "")
	f.refused(ownerID, 400, "InvalidLockLevel", "PUT", lockAt(groupPath, "odd"), `{"properties":{"level":"Sometimes"}}`)
	f.must(200, "DELETE", lockAt(groupPath, "freeze"), "")
	f.must(200, "DELETE", lockAt(identityPath, "keep"), "")
	f.must(200, "DELETE", badge, "")
}

func TestTagsOfAnything(t *testing.T) {
	f := newCloud(t)
	const badge = identityPath + "?api-version=2023-01-31"
	const at = identityPath + "/providers/Microsoft.Resources/tags/default?api-version=2021-04-01"
	f.must(201, "PUT", badge, `{"location":"westus2","tags":{"team":"a"}}`)
	tags := func(document map[string]any) string {
		return toJSON(t, document["properties"].(map[string]any)["tags"])
	}
	steps := []struct{ method, body, want string }{
		{"GET", "", `{"team":"a"}`},
		{"PATCH", `{"operation":"Merge","properties":{"tags":{"env":"dev","TEAM":"b"}}}`, `{"TEAM":"b","env":"dev"}`},
		{"PATCH", `{"operation":"Delete","properties":{"tags":{"team":"b","env":"other"}}}`, `{"env":"dev"}`},
		{"PUT", `{"properties":{"tags":{"only":"this"}}}`, `{"only":"this"}`},
	}
	for _, step := range steps {
		if got := tags(f.must(200, step.method, at, step.body)); got != step.want {
			t.Errorf("%s %s: %s, want %s", step.method, step.body, got, step.want)
		}
	}
	if got := f.must(200, "GET", badge, ""); toJSON(t, got["tags"]) != `{"only":"this"}` {
		t.Error(got)
	}
	if got := toJSON(t, f.must(200, "GET", subPath+"/tagNames?api-version=2021-04-01", "")); !strings.Contains(got, `"tagName":"only"`) {
		t.Error(got)
	}
	f.must(200, "DELETE", at, "")
	if got := tags(f.must(200, "GET", at, "")); got != "{}" {
		t.Error(got)
	}
	f.refused(ownerID, 400, "InvalidTagsPatchOperation", "PATCH", at, `{"operation":"Shuffle","properties":{"tags":{}}}`)
	f.refused(ownerID, 404, "ResourceNotFound", "GET", strings.Replace(at, "default", "other", 1), "")
	// A Tag Contributor changes tags and nothing else.
	f.grant(guestID, "4a9ae827-6dc8-4573-8ac7-8239d42aa03f", group("g"))
	if status, answer := f.call(guestID, "PUT", at, `{"properties":{"tags":{"by":"guest"}}}`); status != 200 {
		t.Error(answer)
	}
	f.refused(guestID, 403, "AuthorizationFailed", "PUT", badge, `{"location":"westus2"}`)
}

func TestExistenceAndMoves(t *testing.T) {
	f := newCloud(t)
	const groups = subPath + "/resourceGroups/"
	for path, want := range map[string]int{
		groups + "g?api-version=2021-04-01": 204, groups + "none?api-version=2021-04-01": 404, identityPath + "?api-version=2023-01-31": 404,
	} {
		if status, _ := f.call(ownerID, "HEAD", path, ""); status != want {
			t.Errorf("HEAD %s: %d, want %d", path, status, want)
		}
	}
	if text := f.refused(ownerID, 409, "ResourceMoveNotSupported", "POST", groups+"g/moveResources?api-version=2021-04-01", `{"resources":[],"targetResourceGroup":"x"}`); !strings.Contains(text, "Create them there") {
		t.Error(text)
	}
}
