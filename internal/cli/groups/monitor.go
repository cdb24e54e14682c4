package groups

import (
	"context"
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
	end := time.Now().UTC()
	if text := c.Get("end-time"); text != "" {
		if end, err = time.Parse(time.RFC3339, text); err != nil {
			return nil, command.Usage("unable to parse '%s' as a time (2006-01-02T15:04:05Z)", text)
		}
	}
	back, err := offset(c.Get("offset"))
	if err != nil {
		return nil, err
	}
	start := end.Add(-back)
	if text := c.Get("start-time"); text != "" {
		if start, err = time.Parse(time.RFC3339, text); err != nil {
			return nil, command.Usage("unable to parse '%s' as a time (2006-01-02T15:04:05Z)", text)
		}
	}
	filter := "eventTimestamp ge " + start.Format(time.RFC3339) + " and eventTimestamp le " + end.Format(time.RFC3339)
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
		return 0, command.Usage("the time offset '%s' isn't of the form 1d6h30m", text)
	}
	return total, nil
}
