package groups

import (
	"context"
	"os"
	"slices"
	"strings"

	"github.com/lanyard-project/lanyard/internal/cli/azure"
	"github.com/lanyard-project/lanyard/internal/cli/command"
	"github.com/lanyard-project/lanyard/internal/cli/value"
)

// maintenanceKind is read with a version whose configurations have windows; az 2.45 had these commands in an extension only.
func maintenanceKind() kind {
	return kind{version: "2024-01-01", service: "containerservice", model: "MaintenanceConfiguration",
		path: func(client *azure.Client, c *command.Call) string {
			return maintenancePath(client, c) + "/" + azure.Word(c.Get("name"))
		}}
}

func maintenancePath(client *azure.Client, c *command.Call) string {
	return client.Group(c.Get("resource-group"), "providers", clusterProvider, azure.Word(c.Get("cluster-name")), "maintenanceConfigurations")
}

func maintenanceGroup() command.Table {
	k := maintenanceKind()
	cluster := []argument{inGroup(), arg("--cluster-name", "Name of the cluster.").Required().Completes("cluster")}
	one := append(slices.Clone(cluster), arg("--name -n", "default, aksManagedAutoUpgradeSchedule or aksManagedNodeOSUpgradeSchedule.").Required())
	days := []string{"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"}
	says := append(slices.Clone(one),
		arg("--config-file", "File with the configuration as JSON, instead of the options below."),
		arg("--weekday", "Day of the configuration default."), arg("--start-hour", "Its hour, 0 to 23, in UTC."),
		arg("--schedule-type", "How often, for the other two.").Choices("Daily", "Weekly", "AbsoluteMonthly", "RelativeMonthly"),
		arg("--interval-days", "Days from one to the next."), arg("--interval-weeks", "Weeks from one to the next."), arg("--interval-months", "Months from one to the next."),
		arg("--day-of-week", "Day of the week.").Choices(days...), arg("--day-of-month", "Day of the month."),
		arg("--week-index", "Which of a month's such days.").Choices("First", "Second", "Third", "Fourth", "Last"),
		arg("--duration", "Hours that it lasts, 4 to 24."), arg("--utc-offset", "What the time is relative to, such as +05:30."),
		arg("--start-date", "First date, as 2027-01-31."), arg("--start-time", "Time of the day, as 09:30."))
	return command.Table{
		Groups: []command.Group{{Path: "aks maintenanceconfiguration", Summary: "When a cluster may be worked on."}},
		Commands: []*command.Command{
			{
				Path: "aks maintenanceconfiguration add", Summary: "Say when a cluster may be worked on.", Arguments: says, Run: putMaintenance(false),
				Examples: []command.Example{
					{Title: "Upgrades on Friday nights.", Line: "lanyard aks maintenanceconfiguration add -g MyResourceGroup --cluster-name MyCluster -n aksManagedAutoUpgradeSchedule --schedule-type Weekly --day-of-week Friday --interval-weeks 2 --start-time 22:00 --duration 8"},
					{Title: "Weekly releases on Mondays from one to two o'clock.", Line: "lanyard aks maintenanceconfiguration add -g MyResourceGroup --cluster-name MyCluster -n default --weekday Monday --start-hour 1"},
				},
			},
			{Path: "aks maintenanceconfiguration update", Summary: "Say anew when a cluster may be worked on.", Arguments: says, Run: putMaintenance(true)},
			{Path: "aks maintenanceconfiguration show", Summary: "Show a configuration.", Arguments: one, Run: k.show},
			{Path: "aks maintenanceconfiguration delete", Summary: "Delete a configuration.", Arguments: one, Run: k.remove},
			{
				Path: "aks maintenanceconfiguration list", Summary: "List the configurations of a cluster.", Arguments: cluster,
				Run: func(ctx context.Context, c *command.Call) (any, error) {
					client, err := c.Client()
					if err != nil {
						return nil, err
					}
					all, err := client.List(ctx, maintenancePath(client, c), k.version)
					if err != nil {
						return nil, err
					}
					return k.shaped(all), nil
				},
			},
		},
	}
}

// putMaintenance sends a configuration; like az it looks first whether there is one, which add refuses and update needs.
func putMaintenance(update bool) func(context.Context, *command.Call) (any, error) {
	return func(ctx context.Context, c *command.Call) (any, error) {
		client, err := c.Client()
		if err != nil {
			return nil, err
		}
		k := maintenanceKind()
		all, err := client.List(ctx, maintenancePath(client, c), k.version)
		if err != nil {
			return nil, err
		}
		there := slices.ContainsFunc(all, func(v any) bool {
			o, ok := v.(*value.Object)
			return ok && o.String("name") == c.Get("name")
		})
		const hint = "use 'aks maintenanceconfiguration list' to get current list of maitenance configurations" // az's spelling
		switch {
		case there && !update:
			return nil, command.Usage("Maintenance configuration '%s' already exists, please try a different name, %s", c.Get("name"), hint)
		case !there && update:
			return nil, command.Usage("Maintenance configuration '%s' doesn't exist.%s", c.Get("name"), hint)
		}
		properties, err := maintenanceOf(c)
		if err != nil {
			return nil, err
		}
		return k.put(ctx, c, client, value.NewObject("properties", properties))
	}
}

// maintenanceOf is the configuration that the options, or the file, describe.
func maintenanceOf(c *command.Call) (*value.Object, error) {
	if path := c.Get("config-file"); path != "" {
		return maintenanceFile(path)
	}
	switch c.Get("name") {
	case "default":
		if !c.Given("weekday") || !c.Given("start-hour") {
			return nil, command.Usage("Please specify --weekday and --start-hour for default maintenance configuration, or use --config-file instead.")
		}
		if c.Given("schedule-type") {
			return nil, command.Usage("--schedule-type is not supported for default maintenance configuration.")
		}
		hour, err := number(c, "start-hour")
		if err != nil {
			return nil, err
		}
		return value.NewObject("timeInWeek", []any{value.NewObject("day", c.Get("weekday"), "hourSlots", []any{hour})}, "notAllowedTime", []any{}), nil
	case "aksManagedAutoUpgradeSchedule", "aksManagedNodeOSUpgradeSchedule":
		if c.Given("weekday") || c.Given("start-hour") {
			return nil, command.Usage("--weekday and --start-hour are only applicable to default maintenance configuration.")
		}
		window, err := maintenanceWindow(c)
		if err != nil {
			return nil, err
		}
		return value.NewObject("maintenanceWindow", window), nil
	}
	return nil, command.Usage("--config-name must be one of default, aksManagedAutoUpgradeSchedule or aksManagedNodeOSUpgradeSchedule, not %s", c.Get("name"))
}

// rhythm is a kind of schedule: its field, and which options it needs, by the field that each sets. It takes no others.
type rhythm struct {
	field           string
	numbers, words  []string
	needs, excludes string
}

func rhythms() map[string]rhythm {
	return map[string]rhythm{
		"Daily": {"daily", []string{"interval-days", "intervalDays"}, nil, "Please specify --interval-days when using daily schedule.",
			"--interval-weeks, --interval-months, --day-of-week, --day-of-month and --week-index cannot be used for Daily schedule."},
		"Weekly": {"weekly", []string{"interval-weeks", "intervalWeeks"}, []string{"day-of-week", "dayOfWeek"}, "Please specify --interval-weeks and --day-of-week when using weekly schedule.",
			"--interval-months, --day-of-month and --week-index cannot be used for Weekly schedule."},
		"AbsoluteMonthly": {"absoluteMonthly", []string{"interval-months", "intervalMonths", "day-of-month", "dayOfMonth"}, nil, "Please specify --interval-months and --day-of-month when using absolute monthly schedule.",
			"--interval-days, --interval-weeks, --day-of-week and --week-index cannot be used for AbsoluteMonthly schedule."},
		"RelativeMonthly": {"relativeMonthly", []string{"interval-months", "intervalMonths"}, []string{"day-of-week", "dayOfWeek", "week-index", "weekIndex"}, "Please specify --interval-months, --day-of-week and --week-index when using relative monthly schedule.",
			"--interval-days, --interval-weeks and --day-of-month cannot be used for RelativeMonthly schedule."},
	}
}

func maintenanceWindow(c *command.Call) (*value.Object, error) {
	is, ok := rhythms()[c.Get("schedule-type")]
	if !ok {
		return nil, command.Usage("--schedule-type must be one of Daily, Weekly, AbsoluteMonthly or RelativeMonthly.")
	}
	for _, option := range []string{"interval-days", "interval-weeks", "interval-months", "day-of-week", "day-of-month", "week-index"} {
		needed := slices.Contains(is.numbers, option) || slices.Contains(is.words, option)
		switch {
		case needed && !c.Given(option):
			return nil, command.Usage("%s", is.needs)
		case !needed && c.Given(option):
			return nil, command.Usage("%s", is.excludes)
		}
	}
	schedule, window := value.NewObject(), value.NewObject()
	if err := setNumbers(c, schedule, is.numbers...); err != nil {
		return nil, err
	}
	setWords(c, schedule, is.words...)
	switch {
	case !c.Given("start-time"):
		return nil, command.Usage("Please specify --start-time for maintenance window.")
	case !c.Given("duration"):
		return nil, command.Usage("Please specify --duration for maintenance window.")
	}
	window.Set("schedule", value.NewObject(is.field, schedule))
	setWords(c, window, "start-date", "startDate", "start-time", "startTime", "utc-offset", "utcOffset")
	return window, setNumbers(c, window, "duration", "durationHours")
}

// setWords sets fields of a document from options that were given: option, field.
func setWords(c *command.Call, o *value.Object, fields ...string) {
	for i := 0; i+1 < len(fields); i += 2 {
		if word := c.Get(fields[i]); word != "" {
			o.Set(fields[i+1], word)
		}
	}
}

// maintenanceFile reads the properties from a file, which has them below "properties" or by themselves, and calls them as the
// service does or, as az's own examples do, as Python does.
func maintenanceFile(path string) (*value.Object, error) {
	data, err := os.ReadFile(absolute(path))
	if err != nil {
		return nil, command.Usage("Could not read file '%s': %v", path, err)
	}
	v, err := value.Decode(data)
	if err != nil {
		return nil, command.Usage("Failed to parse file '%s' with exception: %v", path, err)
	}
	o, ok := inCamels(v).(*value.Object)
	if !ok {
		return nil, command.Usage("the file '%s' holds no JSON object", path)
	}
	if inner := o.Object("properties"); inner != nil {
		return inner, nil
	}
	return o, nil
}

// inCamels writes the keys of a document as services do: hour_slots is hourSlots.
func inCamels(v any) any {
	switch v := v.(type) {
	case []any:
		for i := range v {
			v[i] = inCamels(v[i])
		}
	case *value.Object:
		made := value.NewObject()
		for _, key := range v.Keys() {
			parts := strings.Split(key, "_")
			for i := 1; i < len(parts); i++ {
				if parts[i] != "" {
					parts[i] = strings.ToUpper(parts[i][:1]) + parts[i][1:]
				}
			}
			made.Set(strings.Join(parts, ""), inCamels(v.At(key)))
		}
		return made
	}
	return v
}
