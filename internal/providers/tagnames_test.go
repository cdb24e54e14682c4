package providers_test

import (
	"strings"
	"testing"
)

func TestPredefinedTags(t *testing.T) {
	f := newCloud(t)
	const version = "?api-version=2021-04-01"
	at := func(name string) string { return subPath + "/tagNames/" + name + version }
	f.must(201, "PUT", identityPath+"?api-version=2023-01-31", `{"location":"westus2","tags":{"ENV":"Dev"}}`)

	// Without a body, as the SDKs send it; the uses of a name count whatever their casing.
	made := f.must(201, "PUT", at("env"), "")
	want := `{"count":{"type":"Total","value":1},"id":"` + subPath + `/tagNames/env","tagName":"env","values":[{"count":{"type":"Total","value":1},"id":"` +
		subPath + `/tagNames/env/tagValues/Dev","tagValue":"Dev"}]}`
	if got := toJSON(t, made); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	f.must(200, "PUT", at("Env"), `{"tags":{"sneaked":"in"},"properties":{"values":["x"]}}`)

	// The casing of values counts; they need their name.
	f.must(201, "PUT", at("env/tagValues/dev"), "")
	f.must(200, "PUT", at("env/tagValues/dev"), "")
	if got := f.must(201, "PUT", at("env/tagValues/Dev"), ""); toJSON(t, got) != `{"count":{"type":"Total","value":1},"id":"`+subPath+`/tagNames/env/tagValues/Dev","tagValue":"Dev"}` {
		t.Error(got)
	}
	f.refused(ownerID, 404, "ParentResourceNotFound", "PUT", at("none/tagValues/v"), "")
	listed := toJSON(t, f.must(200, "GET", subPath+"/tagNames"+version, "")["value"])
	if strings.Count(listed, `"tagName"`) != 1 || !strings.Contains(listed, `tagValues/dev"`) || !strings.Contains(listed, `tagValues/Dev"`) || strings.Contains(listed, "sneaked") {
		t.Error(listed)
	}

	// Names and values that are refused, and those that are in use.
	f.refused(ownerID, 400, "InvalidTagNamePrefix", "PUT", at("azureThing"), "")
	f.refused(ownerID, 400, "InvalidResourceName", "PUT", at(strings.Repeat("n", 513)), "")
	f.refused(ownerID, 400, "InvalidResourceName", "PUT", at("env/tagValues/"+strings.Repeat("v", 257)), "")
	f.refused(ownerID, 405, "MethodNotAllowed", "GET", at("env"), "")
	f.refused(ownerID, 409, "TagInUse", "DELETE", at("env/tagValues/Dev"), "")
	f.refused(ownerID, 409, "TagInUse", "DELETE", at("env"), "")
	f.must(200, "PATCH", identityPath+"?api-version=2023-01-31", `{"tags":{}}`)
	f.must(200, "DELETE", at("env/tagValues/Dev"), "")
	f.must(204, "DELETE", at("env/tagValues/Dev"), "")
	if text := f.refused(ownerID, 409, "TagInUse", "DELETE", at("env"), ""); !strings.Contains(text, "'dev'") {
		t.Error(text)
	}
	f.must(200, "DELETE", at("env/tagValues/dev"), "")
	f.must(200, "DELETE", at("ENV"), "")
	f.must(204, "DELETE", at("env"), "")

	// Who may only read predefines nothing; a body is still needed where it says something.
	f.grant(guestID, "b24988ac-6180-42a0-ab88-20f7382dd24c", group("g"))
	f.refused(guestID, 403, "AuthorizationFailed", "PUT", at("env"), "")
	f.refused(ownerID, 400, "InvalidRequestContent", "PUT", identityPath+"?api-version=2023-01-31", "")
}
