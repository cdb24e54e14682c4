package groups

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lanyard-project/lanyard/internal/cli/command"
	"github.com/lanyard-project/lanyard/internal/cli/grammar"
	"github.com/lanyard-project/lanyard/internal/cli/value"
)

// TestMaintenanceOf holds what is sent for the options of a maintenance configuration, or what is said against them.
func TestMaintenanceOf(t *testing.T) {
	folder := t.TempDir()
	for name, content := range map[string]string{
		"az.json":      `{"timeInWeek":[{"day":"Tuesday","hour_slots":[1,2]}]}`,
		"service.json": `{"properties":{"maintenanceWindow":{"durationHours":4}}}`,
		"list.json":    `[]`,
		"broken.json":  `{`,
	} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const upgrades = "-n aksManagedAutoUpgradeSchedule --start-time 10:00 --duration 8 "
	for line, want := range map[string]string{
		"-n default --weekday Monday --start-hour 1":                                  `{"timeInWeek":[{"day":"Monday","hourSlots":[1]}],"notAllowedTime":[]}`,
		"-n default --weekday Monday":                                                 "Please specify --weekday and --start-hour",
		"-n default --weekday Monday --start-hour one":                                "argument --start-hour: invalid int value: 'one'",
		"-n default --weekday Monday --start-hour 1 --schedule-type Daily":            "--schedule-type is not supported",
		upgrades + "--schedule-type Daily --interval-days 3 --start-date 2027-01-31":  `{"maintenanceWindow":{"schedule":{"daily":{"intervalDays":3}},"startDate":"2027-01-31","startTime":"10:00","durationHours":8}}`,
		upgrades + "--schedule-type Weekly --interval-weeks 1 --day-of-week Friday":   `{"maintenanceWindow":{"schedule":{"weekly":{"intervalWeeks":1,"dayOfWeek":"Friday"}},"startTime":"10:00","durationHours":8}}`,
		upgrades + "--interval-months 1 --day-of-month 15":                            "--schedule-type must be one of",
		upgrades + "--schedule-type AbsoluteMonthly --interval-months 1 --day-of-m 9": `{"maintenanceWindow":{"schedule":{"absoluteMonthly":{"intervalMonths":1,"dayOfMonth":9}},"startTime":"10:00","durationHours":8}}`,
		upgrades + "--schedule-type RelativeMonthly --interval-months 2 --day-of-week Monday --week-index Last --utc-offset=+05:30": `{"maintenanceWindow":{"schedule":{"relativeMonthly":{"intervalMonths":2,"dayOfWeek":"Monday","weekIndex":"Last"}},` +
			`"startTime":"10:00","utcOffset":"+05:30","durationHours":8}}`,
		upgrades + "--schedule-type Weekly --interval-weeks 1":                                        "Please specify --interval-weeks and --day-of-week",
		upgrades + "--schedule-type Daily --interval-days 1 --week-index First":                       "cannot be used for Daily schedule",
		upgrades + "--weekday Monday --start-hour 1":                                                  "only applicable to default",
		"-n aksManagedNodeOSUpgradeSchedule --schedule-type Daily --interval-days 1 --duration 8":     "Please specify --start-time",
		"-n aksManagedNodeOSUpgradeSchedule --schedule-type Daily --interval-days 1 --start-time 1:0": "Please specify --duration",
		"-n mine --weekday Monday --start-hour 1":                                                     "not mine",
		"-n default --config-file " + folder + "/az.json":                                             `{"timeInWeek":[{"day":"Tuesday","hourSlots":[1,2]}]}`,
		"-n default --config-file " + folder + "/service.json":                                        `{"maintenanceWindow":{"durationHours":4}}`,
		"-n default --config-file " + folder + "/list.json":                                           "holds no JSON object",
		"-n default --config-file " + folder + "/broken.json":                                         "Failed to parse file",
		"-n default --config-file " + folder + "/none.json":                                           "Could not read file",
	} {
		var arguments []argument
		for _, c := range maintenanceGroup().Commands {
			if strings.HasSuffix(c.Path, " add") {
				arguments = c.Arguments
			}
		}
		values, err := grammar.Parse("lanyard", &grammar.Command{Path: "add", Arguments: arguments}, strings.Fields(line))
		got := ""
		if err == nil {
			var properties *value.Object
			if properties, err = maintenanceOf(&command.Call{Values: values}); err == nil {
				data, failure := value.Encode(properties)
				if failure != nil {
					t.Fatal(failure)
				}
				got = strings.TrimSpace(string(data))
			}
		}
		if err != nil {
			got = err.Error()
		}
		if got != want && (strings.HasPrefix(want, "{") || !strings.Contains(got, want)) {
			t.Errorf("%s\ngot  %s\nwant %s", line, got, want)
		}
	}
}
