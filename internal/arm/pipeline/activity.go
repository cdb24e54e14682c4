package pipeline

import (
	"net/http"
	"strings"

	"github.com/lanyard-project/lanyard/internal/activity"
	"github.com/lanyard-project/lanyard/internal/arm/armid"
)

// Activity is the entry as a line of the activity log. Only calls that wanted to
// change something are in it, once it was known who wanted what.
func (e Entry) Activity() (activity.Event, bool) {
	if e.Caller.ObjectID == "" || e.Method == http.MethodGet || e.Method == http.MethodHead || e.Action == "" || strings.HasSuffix(strings.ToLower(e.Action), "/read") {
		return activity.Event{}, false
	}
	id, err := armid.Parse(e.Scope)
	if err != nil || id.Subscription() == "" {
		return activity.Event{}, false
	}
	status := activity.Succeeded
	switch {
	case e.Status >= http.StatusBadRequest:
		status = activity.Failed
	case e.Operation != "":
		status = activity.Accepted
	}
	return activity.Event{
		Time: e.Time.Add(e.Duration), TenantID: e.Caller.TenantID, Subscription: id.Subscription(), Resource: e.Scope, Action: e.Action, Method: e.Method,
		Caller: e.Caller.Client(), CallerID: e.Caller.ObjectID, CallerApp: e.Caller.AppID, CorrelationID: e.CorrelationID, RequestID: e.RequestID,
		Operation: e.Operation, Assignment: e.Reason, Status: status, HTTPStatus: e.Status, Code: e.Code,
	}, true
}
