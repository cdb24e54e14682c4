package insights

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/lanyard-project/lanyard/internal/activity"
	"github.com/lanyard-project/lanyard/internal/arm/armid"
)

// text is a value with its name in the caller's language, which is English.
func text(value, localized string) map[string]any {
	return map[string]any{"value": value, "localizedValue": localized}
}

// show is an event as the service shows it.
func show(e activity.Event) map[string]any {
	provider, _, _ := strings.Cut(e.Action, "/")
	kind := strings.TrimSuffix(e.Action, "/"+e.Action[strings.LastIndexByte(e.Action, '/')+1:])
	if id, err := armid.Parse(e.Resource); err == nil {
		kind = id.Type()
	}
	name, level := text("EndRequest", "End request"), "Informational"
	if e.Status == "Failed" {
		level = "Error"
	}
	sub := text("", "")
	if e.HTTPStatus != 0 {
		word := strings.ReplaceAll(http.StatusText(e.HTTPStatus), " ", "")
		sub = text(word, http.StatusText(e.HTTPStatus)+" (HTTP Status Code: "+strconv.Itoa(e.HTTPStatus)+")")
	}
	operation := e.Operation
	if operation == "" {
		operation = e.CorrelationID
	}
	properties := map[string]any{"entity": e.Resource, "eventCategory": "Administrative", "serviceRequestId": e.RequestID}
	if e.HTTPStatus != 0 {
		properties["statusCode"] = http.StatusText(e.HTTPStatus)
	}
	if e.Code != "" {
		properties["statusMessage"] = `{"error":{"code":` + strconv.Quote(e.Code) + `}}`
	}
	at := e.Time.UTC().Format("2006-01-02T15:04:05.0000000Z")
	return map[string]any{
		"authorization": map[string]any{"action": e.Action, "scope": e.Resource, "role": e.Assignment},
		"caller":        e.Caller,
		"category":      text("Administrative", "Administrative"),
		"channels":      "Operation",
		"claims":        map[string]any{"appid": e.CallerApp, "http://schemas.microsoft.com/identity/claims/objectidentifier": e.CallerID, "http://schemas.microsoft.com/identity/claims/tenantid": e.TenantID},
		"correlationId": e.CorrelationID, "description": "", "eventDataId": e.ID, "eventName": name, "eventTimestamp": at,
		"httpRequest": map[string]any{"clientRequestId": e.RequestID, "method": e.Method},
		"id":          e.Resource + "/events/" + e.ID + "/ticks/" + strconv.FormatInt(ticks(e.Time), 10),
		"level":       level, "operationId": operation, "operationName": text(e.Action, e.Action), "properties": properties,
		"resourceGroupName": group(e.Resource), "resourceId": e.Resource, "resourceProviderName": text(provider, provider), "resourceType": text(kind, kind),
		"status": text(e.Status, e.Status), "subStatus": sub, "submissionTimestamp": at, "subscriptionId": e.Subscription, "tenantId": e.TenantID,
	}
}

// ticks are the hundreds of nanoseconds since the year 1.
func ticks(at time.Time) int64 { return at.UnixNano()/100 + 621355968000000000 }

// project keeps the members that $select names.
func project(event map[string]any, names string) map[string]any {
	if names == "" {
		return event
	}
	out := map[string]any{}
	for name := range strings.SplitSeq(names, ",") {
		for member, value := range event {
			if strings.EqualFold(member, strings.TrimSpace(name)) {
				out[member] = value
			}
		}
	}
	return out
}
