package ops

import (
	"github.com/lanyard-project/lanyard/internal/activity"
	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/providers"
)

// Activity is the end of an operation as a line of the activity log. The call
// that began it is a line of its own.
func (e Event) Activity(registry *providers.Registry) (activity.Event, bool) {
	id, err := armid.Parse(e.Resource)
	if e.Kind != "operation" || err != nil || id.Subscription() == "" {
		return activity.Event{}, false
	}
	verb := "action"
	switch e.Method {
	case providers.Put, providers.Patch:
		verb = "write"
	case providers.Delete:
		verb = "delete"
	}
	action := id.Type() + "/" + verb
	if t := registry.Find(id.Type()); t != nil {
		action = t.Permission(verb)
	}
	return activity.Event{
		Time: e.Time, TenantID: e.Caller.TenantID, Subscription: id.Subscription(), Resource: e.Resource, Action: action,
		Caller: e.Caller.Client(), CallerID: e.Caller.ObjectID, CallerApp: e.Caller.AppID, CorrelationID: e.Operation, Operation: e.Operation, Status: e.State,
	}, true
}
