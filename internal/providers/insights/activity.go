// Package insights is the part of Microsoft.Insights that tells what was done:
// the activity log of a subscription. It stands above the log itself.
//
// Who asks sees the events of what he may read (Microsoft.Insights/eventtypes/
// values/read), so that a reader of one group sees that group's.
package insights

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"k8s.io/utils/clock"

	"github.com/lanyard-project/lanyard/internal/activity"
	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/odata"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/providers"
)

const (
	namespace  = "Microsoft.Insights"
	permission = namespace + "/eventtypes/values/read"
	pageSize   = 200
	// longest is how far back a query may begin, as on Azure.
	longest = 90 * 24 * time.Hour
)

// Authorizer decides what the caller may see.
type Authorizer interface {
	Check(ctx context.Context, caller providers.Caller, action string, scope armid.ID) (bool, string)
}

// Config says what the provider works with.
type Config struct {
	Log        *activity.Log
	Authorizer Authorizer
	Clock      clock.PassiveClock
}

// Provider serves the activity log.
type Provider struct{ cfg Config }

// New returns the provider.
func New(cfg Config) *Provider { return &Provider{cfg: cfg} }

// Types returns the provider's resource types.
func (p *Provider) Types() []*providers.Type {
	return []*providers.Type{{
		Namespace: namespace, Name: "eventtypes", APIVersions: []string{"2014-04-01", "2015-04-01", "2017-03-01-preview"},
		Levels: providers.AtSubscription, Verbs: providers.CanGet,
		Get: func(_ context.Context, r *providers.Request) (*resource.Resource, error) {
			if !strings.EqualFold(r.ID.Name(), "management") {
				return nil, rest.ResourceNotFound(namespace+"/eventtypes/"+r.ID.Name(), "")
			}
			return &resource.Resource{ID: r.ID}, nil
		},
		Actions: []providers.Action{{Name: "values", Method: http.MethodGet, Open: true, Permission: permission, Run: p.values}},
	}}
}

func (p *Provider) values(ctx context.Context, r *providers.Request) (rest.Response, error) {
	q, err := p.query(r)
	if err != nil {
		return rest.Response{}, err
	}
	filter := q.Match
	q.Match = func(e activity.Event) bool {
		id, err := armid.Parse(e.Resource)
		if err != nil || !filter(e) || !strings.EqualFold(e.TenantID, r.Caller.TenantID) {
			return false
		}
		seen, _ := p.cfg.Authorizer.Check(ctx, r.Caller, permission, id)
		return seen
	}
	q.Limit = pageSize + 1
	events, err := p.cfg.Log.List(ctx, q)
	if err != nil {
		return rest.Response{}, err
	}
	page := map[string]any{}
	if len(events) > pageSize {
		events = events[:pageSize]
		page["nextLink"] = next(r, events[pageSize-1])
	}
	shown := make([]any, len(events))
	for i, e := range events {
		shown[i] = project(show(e), r.Query.Get("$select"))
	}
	page["value"] = shown
	return rest.OK(page), nil
}

// query reads the filter. It must say when, as Azure's does.
func (p *Provider) query(r *providers.Request) (activity.Query, error) {
	filter := r.Query.Get("$filter")
	terms, err := odata.Parse(filter)
	if err != nil {
		return activity.Query{}, rest.InvalidFilter(filter)
	}
	now := p.cfg.Clock.Now()
	q := activity.Query{Subscription: r.ID.Subscription(), From: now.Add(-longest), To: now.Add(time.Minute)}
	var tests []func(activity.Event) bool
	timed := false
	for _, t := range terms {
		if strings.EqualFold(t.Name, "eventTimestamp") {
			at, err := parseTime(t.Value)
			switch {
			case err != nil:
				return q, rest.InvalidFilter(filter)
			case t.Operator == "ge" || t.Operator == "gt":
				q.From, timed = at, true
			case t.Operator == "le" || t.Operator == "lt":
				q.To = at
			default:
				return q, rest.InvalidFilter(filter)
			}
			continue
		}
		test := field(t.Name, t.Value)
		if test == nil || t.Operator != "eq" {
			return q, rest.InvalidFilter(filter)
		}
		tests = append(tests, test)
	}
	if !timed {
		return q, rest.NewError(http.StatusBadRequest, "BadRequest", "The $filter must have the start of the time: \"eventTimestamp ge '2026-01-31T00:00:00Z'\".")
	}
	if q.From.Before(now.Add(-longest - time.Hour)) {
		return q, rest.NewError(http.StatusBadRequest, "BadRequest", "The start time cannot be more than 90 days in the past.")
	}
	until, id, err := position(r.Query.Get("$skiptoken"))
	if err != nil {
		return q, rest.InvalidSkipToken()
	}
	q.Match = func(e activity.Event) bool {
		if !until.IsZero() && (e.Time.After(until) || e.Time.Equal(until) && e.ID >= id) {
			return false
		}
		for _, test := range tests {
			if !test(e) {
				return false
			}
		}
		return true
	}
	return q, nil
}

// field returns the test of a filter's member, nil for one that isn't known.
func field(name, value string) func(activity.Event) bool {
	same := func(of func(activity.Event) string) func(activity.Event) bool {
		return func(e activity.Event) bool { return strings.EqualFold(of(e), value) }
	}
	switch strings.ToLower(name) {
	case "resourcegroupname":
		return same(func(e activity.Event) string { return group(e.Resource) })
	case "resourceid", "resourceuri":
		return func(e activity.Event) bool {
			return strings.EqualFold(strings.TrimSuffix(value, "/"), e.Resource)
		}
	case "resourceprovider":
		return same(func(e activity.Event) string { provider, _, _ := strings.Cut(e.Action, "/"); return provider })
	case "correlationid":
		return same(func(e activity.Event) string { return e.CorrelationID })
	case "caller":
		return func(e activity.Event) bool {
			return strings.EqualFold(e.Caller, value) || strings.EqualFold(e.CallerID, value) || strings.EqualFold(e.CallerApp, value)
		}
	case "status":
		return same(func(e activity.Event) string { return e.Status })
	case "operationname", "operations":
		return same(func(e activity.Event) string { return e.Action })
	case "eventchannels", "channels", "levels", "level":
		return func(activity.Event) bool { return true }
	}
	return nil
}

func group(id string) string {
	parsed, err := armid.Parse(id)
	if err != nil {
		return ""
	}
	return parsed.ResourceGroup()
}

// parseTime reads the ways in which clients write times; those without a zone
// are UTC.
func parseTime(text string) (time.Time, error) {
	at, err := time.Parse(time.RFC3339Nano, text)
	for _, layout := range []string{"2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999", "2006-01-02"} {
		if err != nil {
			at, err = time.Parse(layout, text)
		}
	}
	return at, err
}

// next leads to the events that are older than the last one.
func next(r *providers.Request, last activity.Event) string {
	query := url.Values{}
	for name, values := range r.Query {
		query[name] = values
	}
	query.Set("$skiptoken", strconv.FormatInt(last.Time.UnixNano(), 36)+"."+last.ID)
	return r.Origin + r.ID.String() + "/values?" + query.Encode()
}

// position reads a $skiptoken. It is no secret: what may be seen is decided anew
// on every page.
func position(token string) (time.Time, string, error) {
	if token == "" {
		return time.Time{}, "", nil
	}
	at, id, _ := strings.Cut(token, ".")
	nanos, err := strconv.ParseInt(at, 36, 64)
	return time.Unix(0, nanos), id, err
}
