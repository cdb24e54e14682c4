package pipeline

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/ops"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/providers"
)

// operationStatus is the body that Azure-AsyncOperation leads to.
type operationStatus struct {
	ID        string         `json:"id"`
	Name      string         `json:"name"`
	Status    string         `json:"status"`
	StartTime time.Time      `json:"startTime"`
	EndTime   *time.Time     `json:"endTime,omitempty"`
	Error     *rest.Document `json:"error,omitempty"`
}

// follow adds the headers by which clients follow an operation. Resource groups
// have the Location form only.
func (p *Pipeline) follow(c *call, response rest.Response, record *ops.Record, location bool) rest.Response {
	c.entry.Operation = record.ID
	id := c.match.ID
	response = response.WithRetryAfter(p.PollAfter)
	if id.Is(armid.ResourceGroupType) {
		return response.With("Location", c.Origin+id.SubscriptionID().String()+"/operationresults/"+record.ID+"?"+p.versionQuery(c))
	}
	response = response.With("Azure-AsyncOperation", p.operationURL(c, id, record.Location, record.ID, "operations"))
	if location {
		response = response.With("Location", p.operationURL(c, id, record.Location, record.ID, "operationresults"))
	}
	return response
}

// operationURL names an operation under the namespace of its resource.
func (p *Pipeline) operationURL(c *call, id armid.ID, location, operation, form string) string {
	return c.Origin + operationPath(id, location, operation, form) + "?" + p.versionQuery(c)
}

func operationPath(id armid.ID, location, operation, form string) string {
	if location == "" {
		location = "global"
	}
	scope := strings.TrimSuffix(id.SubscriptionID().String(), "/")
	return scope + "/providers/" + id.Namespace() + "/locations/" + location + "/" + form + "/" + operation
}

func (p *Pipeline) versionQuery(c *call) string {
	return url.Values{"api-version": {c.version}}.Encode()
}

// operation answers a poll. Only who started the operation, or may read its
// resource, learns of it: an operation's ID is no secret that proves anything.
func (p *Pipeline) operation(ctx context.Context, c *call) (rest.Response, error) {
	record, err := p.Engine.Operation(ctx, c.match.Operation)
	if err != nil {
		return rest.Response{}, err
	}
	unknown := rest.NewError(http.StatusNotFound, "OperationNotFound",
		"The operation '"+c.match.Operation+"' could not be found. It may have ended more than a day ago.")
	if record == nil {
		return rest.Response{}, unknown
	}
	id, err := record.ResourceID()
	if err != nil {
		return rest.Response{}, err
	}
	c.entry.Operation, c.entry.Scope = record.ID, id.String()
	visible := record.Caller.TenantID == c.caller.TenantID && id.SubscriptionID().Equal(c.match.Scope) &&
		(record.Caller.ObjectID == c.caller.ObjectID || p.mayRead(ctx, c, id))
	if !visible {
		return rest.Response{}, unknown
	}
	c.entry.Allowed = true
	if c.match.Result {
		return p.operationResult(c, id, record)
	}
	status := operationStatus{
		ID: operationPath(id, record.Location, record.ID, "operations"), Name: record.ID, Status: record.State, StartTime: record.Start, Error: record.Error,
	}
	response := rest.OK(&status)
	if !record.Done() {
		return response.WithRetryAfter(p.PollAfter), nil
	}
	status.EndTime = &record.End
	if record.State == ops.Canceled && status.Error == nil {
		status.Error = &rest.Document{Code: "OperationCanceled", Message: "The operation was canceled by a later operation on the resource."}
	}
	return response, nil
}

// operationResult answers the Location form: 202 until the operation ended, then
// its result.
func (p *Pipeline) operationResult(c *call, id armid.ID, record *ops.Record) (rest.Response, error) {
	if !record.Done() {
		return rest.Empty(http.StatusAccepted).WithRetryAfter(p.PollAfter).
			With("Location", c.Origin+(&url.URL{Path: c.Path}).EscapedPath()+"?"+p.versionQuery(c)), nil
	}
	switch record.State {
	case ops.Failed:
		return rest.Response{}, failed(record)
	case ops.Canceled:
		return rest.Response{}, rest.NewError(http.StatusConflict, "OperationCanceled", "The operation was canceled by a later operation on the resource.")
	}
	if record.Method == providers.Delete && !id.Is(armid.ResourceGroupType) {
		return rest.Empty(http.StatusNoContent), nil
	}
	return rest.Empty(http.StatusOK), nil
}

// failed is the error that ended an operation, as an error again.
func failed(record *ops.Record) error {
	if record.Error == nil {
		return rest.InternalServerError()
	}
	e := rest.NewError(record.Status, record.Error.Code, record.Error.Message).WithTarget(record.Error.Target)
	for _, d := range record.Error.Details {
		e.Details = append(e.Details, rest.Error{Code: d.Code, Message: d.Message, Target: d.Target})
	}
	if e.Status < http.StatusBadRequest {
		e.Status = http.StatusInternalServerError
	}
	return e
}
