package providers_test

import (
	"net/url"
	"testing"
	"time"
)

// activities asks for the activity log of the last hour as az does, until there
// are so many events.
func (f *fixture) activities(principal, filter string, want int) []any {
	f.Helper()
	query := url.Values{"api-version": {"2015-04-01"}, "$filter": {"eventTimestamp ge " + time.Now().UTC().Add(-time.Hour).Format("2006-01-02T15:04:05.000000Z") + filter}}
	path := "/subscriptions/" + subscription + "/providers/Microsoft.Insights/eventtypes/management/values?" + query.Encode()
	var events []any
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		status, page := f.call(principal, "GET", path, "")
		if status != 200 {
			f.Fatalf("the activity log: %d %v", status, page)
		}
		if events, _ = page["value"].([]any); len(events) >= want {
			break
		}
	}
	if len(events) != want {
		f.Fatalf("%d events of %q, want %d: %v", len(events), filter, want, events)
	}
	return events
}

func TestActivityLogHasEveryWrite(t *testing.T) {
	f := newCloud(t)
	nsg := netPath + "networkSecurityGroups/n"
	f.must(201, "PUT", nsg+docVersion, `{"location":"westus2"}`)
	f.must(200, "GET", nsg+docVersion, "")
	f.refused(guestID, 403, "AuthorizationFailed", "DELETE", nsg+docVersion, "")
	f.must(200, "DELETE", nsg+docVersion, "")

	events := f.activities(ownerID, " and resourceId eq '"+nsg+"'", 3)
	f.has(events[0], "Microsoft.Network/networkSecurityGroups/delete", "operationName", "value")
	f.has(events[0], "Succeeded", "status", "value")
	f.has(events[1], "Failed", "status", "value")
	f.has(events[1], guestID, "caller")
	f.has(events[1], "Error", "level")
	f.has(events[2], "Microsoft.Network/networkSecurityGroups/write", "authorization", "action")
	f.has(events[2], "Created", "subStatus", "value")
	f.has(events[2], "g", "resourceGroupName")

	f.activities(ownerID, " and resourceGroupName eq 'G' and status eq 'Failed' and caller eq '"+guestID+"'", 1)
	f.activities(ownerID, " and resourceGroupName eq 'nodes'", 0)
	// A reader of one group sees that group's events and no others.
	const reader = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
	f.activities(guestID, "", 0)
	f.grant(guestID, reader, group("g"))
	f.activities(guestID, " and resourceProvider eq 'Microsoft.Network'", 3)

	// An operation is two events: its begin and its end.
	const version = "?api-version=2021-04-01"
	f.must(201, "PUT", "/subscriptions/"+subscription+"/resourcegroups/away"+version, `{"location":"westus2"}`)
	bad := "/subscriptions/" + subscription + "/providers/Microsoft.Insights/eventtypes/management/values?api-version=2015-04-01"
	f.refused(ownerID, 400, "BadRequest", "GET", bad, "")
	f.refused(ownerID, 400, "InvalidFilterInQueryString", "GET", bad+"&$filter="+url.QueryEscape("eventTimestamp ge 2026-01-01 or a eq 'b'"), "")
	f.refused(ownerID, 400, "BadRequest", "GET", bad+"&$filter="+url.QueryEscape("eventTimestamp ge '2001-01-01'"), "")
}

func TestActivityLogIsReadInPages(t *testing.T) {
	f := newCloud(t)
	nsg := netPath + "networkSecurityGroups/n" + docVersion
	const writes = 230
	for i := range writes {
		f.must(map[bool]int{true: 201, false: 200}[i == 0], "PUT", nsg, `{"location":"westus2"}`)
	}
	query := url.Values{"api-version": {"2015-04-01"}, "$select": {"eventDataId"}, "$filter": {"eventTimestamp ge '" + time.Now().UTC().Add(-time.Hour).Format(time.RFC3339) + "' and resourceProvider eq 'Microsoft.Network'"}}
	first := "/subscriptions/" + subscription + "/providers/Microsoft.Insights/eventtypes/management/values?" + query.Encode()
	f.activities(ownerID, " and resourceProvider eq 'Microsoft.Network'", 200)
	seen := map[any]bool{}
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		clear(seen)
		for link := first; link != ""; {
			page := f.must(200, "GET", link, "")
			for _, e := range page["value"].([]any) {
				seen[at(e, "eventDataId")] = true
				if len(e.(map[string]any)) != 1 {
					t.Fatalf("$select: %v", e)
				}
			}
			link = ""
			if next, ok := page["nextLink"].(string); ok {
				u, err := url.Parse(next)
				if err != nil {
					t.Fatal(err)
				}
				link = u.RequestURI()
			}
		}
		if len(seen) == writes {
			return
		}
	}
	t.Errorf("%d events of %d", len(seen), writes)
}
