package groups

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/lanyard-project/lanyard/internal/cli/command"
)

func monitorGroup() command.Table {
	return command.Table{
		Groups: []command.Group{{Path: "monitor", Summary: "Monitoring."}, {Path: "monitor activity-log", Summary: "Who did what, when."}},
		Commands: []*command.Command{{
			Path: "monitor activity-log list", Summary: "List events of the activity log.",
			Arguments: []argument{
				arg("--resource-group -g", "Only of this group.").Completes("group"), arg("--resource-id", "Only of this resource."), arg("--caller", "Only of this caller."),
				arg("--status", "Only with this status."), arg("--namespace", "Only of this provider."), arg("--correlation-id", "Only of this operation."),
				arg("--offset", "How far to look back: 6h, 1d, 90d.").Or("6h"), arg("--start-time", "From this time on."), arg("--end-time", "Until this time."), arg("--max-events", "At most so many.").Or("50"), list("--select", "Only these fields."),
			},
			Examples: []command.Example{{Title: "Show what happened in a group within a day.", Line: "lanyard monitor activity-log list -g MyResourceGroup --offset 1d -o table"}},
			Run:      activityLog,
		}},
	}
}

func activityLog(ctx context.Context, c *command.Call) (any, error) {
	client, err := c.Client()
	if err != nil {
		return nil, err
	}
	start, end, err := window(c.Get("start-time"), c.Get("end-time"), c.Get("offset"), time.Now())
	if err != nil {
		return nil, err
	}
	filter := "eventTimestamp ge " + start + " and eventTimestamp le " + end
	for _, f := range [][2]string{{"resource-group", "resourceGroupName"}, {"resource-id", "resourceId"}, {"namespace", "resourceProvider"}, {"caller", "caller"}, {"status", "status"}, {"correlation-id", "correlationId"}} {
		if v := c.Get(f[0]); v != "" {
			filter += " and " + f[1] + " eq '" + v + "'"
		}
	}
	query := []string{"$filter", filter}
	if fields := c.List("select"); len(fields) > 0 {
		query = append(query, "$select", strings.Join(fields, ","))
	}
	all, err := client.List(ctx, client.Scope("providers/Microsoft.Insights/eventtypes/management/values"), "2015-04-01", query...)
	if err != nil {
		return nil, err
	}
	limit, err := strconv.Atoi(c.Get("max-events"))
	if err != nil {
		return nil, command.Usage("argument --max-events: invalid int value: '%s'", c.Get("max-events"))
	}
	return kind{service: "monitor", model: "EventData"}.shaped(all[:min(limit, len(all))]), nil
}

// window is the time that is asked about, as az reckons it: back from the end, or onward
// from a start that stands alone. It ends within the second, since what was done just now
// belongs to it.
func window(first, last, length string, now time.Time) (start, end string, err error) {
	const fractional = "2006-01-02T15:04:05.999999Z"
	span, err := offset(length)
	if err != nil {
		return "", "", err
	}
	from, err := moment(first, "Start time of the query.")
	if err != nil {
		return "", "", err
	}
	to, err := moment(last, "End time of the query. Defaults to the current time.")
	switch {
	case err != nil:
		return "", "", err
	case to.IsZero() && from.IsZero():
		to = now
	case to.IsZero():
		to = from.Add(span)
	}
	if from.IsZero() {
		from = to.Add(-span)
	}
	return from.UTC().Format(fractional), to.UTC().Format(fractional), nil
}

// moment reads a time; one that names no zone is of the place where the user is.
func moment(text, meaning string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02 15:04:05Z07:00", "2006-01-02T15:04:05", time.DateTime, "2006-01-02T15:04", "2006-01-02 15:04", time.DateOnly} {
		if at, err := time.ParseInLocation(layout, text, time.Local); err == nil { //nolint:gosmopolitan // the user's own zone is meant
			return at, nil
		}
	}
	return time.Time{}, fmt.Errorf("Unable to parse: '%s'. Expected format: %s Format: date (yyyy-mm-dd) time (hh:mm:ss.xxxxx) timezone (+/-hh:mm)", text, meaning) //nolint:staticcheck,revive // az's text
}

// offset reads "6h", "1d" or "1d6h30m".
func offset(text string) (time.Duration, error) {
	days, rest, hasDays := strings.Cut(text, "d")
	if !hasDays {
		days, rest = "0", text
	}
	n, err := strconv.Atoi(days)
	total := time.Duration(n) * 24 * time.Hour
	if err == nil && rest != "" {
		var d time.Duration
		d, err = time.ParseDuration(rest)
		total += d
	}
	if err != nil {
		return 0, command.Usage("argument --offset: invalid period_type value: '%s'", text)
	}
	return total, nil
}
