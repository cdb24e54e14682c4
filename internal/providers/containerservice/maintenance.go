package containerservice

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/providers"
)

// defaultMaintenance is the configuration of the service's weekly releases, the only one that may say it in hours of the
// week; the others are of automatic upgrades of clusters and of node images.
const defaultMaintenance = "default"

// maintenanceConfigurations say when the service may work on a cluster by itself, and when not. Here it never does: they are
// checked, kept and shown, and nothing begins or waits because of one.
func (p *Provider) maintenanceConfigurations() *providers.Type {
	return &providers.Type{
		Namespace: namespace, Name: "managedClusters/maintenanceConfigurations", GroupSegment: "resourcegroups", APIVersions: apiVersions(), Levels: providers.AtGroup,
		Verbs: providers.CanGet | providers.CanList | providers.CanPut | providers.CanDelete, HideState: true, FlatErrors: true,
		NamePattern: regexp.MustCompile(`^(` + defaultMaintenance + `|aksManagedAutoUpgradeSchedule|aksManagedNodeOSUpgradeSchedule)$`),
		BadName: func(name string) *rest.Error {
			return invalidParameter("configName", "'%s' is not one of default, aksManagedAutoUpgradeSchedule and aksManagedNodeOSUpgradeSchedule", name)
		},
		Prepare: prepareMaintenance,
		Admit: func(ctx context.Context, r *providers.Request) error {
			cluster, err := p.Resources.Get(ctx, r.ID.Parent())
			if err != nil {
				return err
			}
			if e := p.ours(cluster, "Planning its maintenance"); e != nil {
				return e
			}
			return nil
		},
	}
}

type maintenance struct {
	TimeInWeek []struct {
		Day       string `json:"day"`
		HourSlots []int  `json:"hourSlots"`
	} `json:"timeInWeek"`
	NotAllowedTime    []timeSpan         `json:"notAllowedTime"`
	MaintenanceWindow *maintenanceWindow `json:"maintenanceWindow"`
}

type timeSpan struct {
	Start string `json:"start"`
	End   string `json:"end"`
}

type maintenanceWindow struct {
	Schedule struct {
		Daily           *interval `json:"daily"`
		Weekly          *interval `json:"weekly"`
		AbsoluteMonthly *interval `json:"absoluteMonthly"`
		RelativeMonthly *interval `json:"relativeMonthly"`
	} `json:"schedule"`
	DurationHours   int        `json:"durationHours"`
	StartDate       string     `json:"startDate"`
	StartTime       string     `json:"startTime"`
	UTCOffset       string     `json:"utcOffset"`
	NotAllowedDates []timeSpan `json:"notAllowedDates"`
}

// interval is one of the four schedules, each of which has some of these members.
type interval struct {
	Days       int    `json:"intervalDays"`
	Weeks      int    `json:"intervalWeeks"`
	Months     int    `json:"intervalMonths"`
	DayOfMonth int    `json:"dayOfMonth"`
	DayOfWeek  string `json:"dayOfWeek"`
	WeekIndex  string `json:"weekIndex"`
}

func prepareMaintenance(_ context.Context, r *providers.Request) error {
	is, err := resource.Read[maintenance](r.Next)
	if err != nil {
		return rest.InvalidRequestContent(err.Error())
	}
	if e := is.check(r.ID.Name()); e != nil {
		return e
	}
	if is.MaintenanceWindow != nil && is.MaintenanceWindow.UTCOffset == "" {
		return r.Next.Set("maintenanceWindow.utcOffset", "+00:00")
	}
	return nil
}

func (m maintenance) check(name string) *rest.Error {
	inHours := len(m.TimeInWeek) > 0 || len(m.NotAllowedTime) > 0
	switch {
	case name != defaultMaintenance && inHours:
		return invalidParameter("timeInWeek", "only the configuration '%s' has hours of the week; give '%s' a maintenanceWindow", defaultMaintenance, name)
	case m.MaintenanceWindow == nil && !inHours:
		return invalidParameter("maintenanceWindow", "the configuration '%s' says nothing", name)
	}
	for _, slot := range m.TimeInWeek {
		if e := weekday("timeInWeek.day", slot.Day); e != nil {
			return e
		}
		for _, hour := range slot.HourSlots {
			if e := between("timeInWeek.hourSlots", hour, 0, 23); e != nil {
				return e
			}
		}
	}
	if e := ordered("notAllowedTime", time.RFC3339, m.NotAllowedTime); e != nil {
		return e
	}
	if m.MaintenanceWindow == nil {
		return nil
	}
	return m.MaintenanceWindow.check()
}

var utcOffset = regexp.MustCompile(`^[+-][0-9]{2}:[0-9]{2}$`)

func (w maintenanceWindow) check() *rest.Error {
	if e := w.checkSchedule(); e != nil {
		return e
	}
	if e := between("maintenanceWindow.durationHours", w.DurationHours, 4, 24); e != nil {
		return e
	}
	if _, err := time.Parse("15:04", w.StartTime); err != nil {
		return invalidParameter("maintenanceWindow.startTime", "'%s' is not a time of the form 15:04", w.StartTime)
	}
	if _, err := time.Parse(time.DateOnly, w.StartDate); w.StartDate != "" && err != nil {
		return invalidParameter("maintenanceWindow.startDate", "'%s' is not a date of the form 2006-01-02", w.StartDate)
	}
	if w.UTCOffset != "" && !utcOffset.MatchString(w.UTCOffset) {
		return invalidParameter("maintenanceWindow.utcOffset", "'%s' is not of the form +05:30", w.UTCOffset)
	}
	return ordered("maintenanceWindow.notAllowedDates", time.DateOnly, w.NotAllowedDates)
}

// checkSchedule wants one of the four.
func (w maintenanceWindow) checkSchedule() *rest.Error {
	const target = "maintenanceWindow.schedule"
	s := w.Schedule
	given := slices.DeleteFunc([]*interval{s.Daily, s.Weekly, s.AbsoluteMonthly, s.RelativeMonthly}, func(i *interval) bool { return i == nil })
	if len(given) != 1 {
		return invalidParameter(target, "exactly one of daily, weekly, absoluteMonthly and relativeMonthly has to be given")
	}
	switch is := given[0]; is {
	case s.Daily:
		return between(target+".daily.intervalDays", is.Days, 1, 7)
	case s.Weekly:
		if e := between(target+".weekly.intervalWeeks", is.Weeks, 1, 4); e != nil {
			return e
		}
		return weekday(target+".weekly.dayOfWeek", is.DayOfWeek)
	case s.AbsoluteMonthly:
		if e := between(target+".absoluteMonthly.intervalMonths", is.Months, 1, 6); e != nil {
			return e
		}
		return between(target+".absoluteMonthly.dayOfMonth", is.DayOfMonth, 1, 31)
	default:
		if e := between(target+".relativeMonthly.intervalMonths", is.Months, 1, 6); e != nil {
			return e
		}
		if e := among(target+".relativeMonthly.weekIndex", is.WeekIndex, "First", "Second", "Third", "Fourth", "Last"); e != nil {
			return e
		}
		return weekday(target+".relativeMonthly.dayOfWeek", is.DayOfWeek)
	}
}

func between(target string, n, low, high int) *rest.Error {
	if n < low || n > high {
		return invalidParameter(target, "%d is not between %d and %d", n, low, high)
	}
	return nil
}

func weekday(target, day string) *rest.Error {
	return among(target, day, "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
}

func among(target, word string, words ...string) *rest.Error {
	if !slices.Contains(words, word) {
		return invalidParameter(target, "'%s' is not one of %s", word, strings.Join(words, ", "))
	}
	return nil
}

// ordered wants spans that begin and don't end before they do.
func ordered(target, layout string, spans []timeSpan) *rest.Error {
	for _, span := range spans {
		start, err := time.Parse(layout, span.Start)
		end, another := time.Parse(layout, span.End)
		if err != nil || another != nil || end.Before(start) {
			return invalidParameter(target, "'%s' to '%s' is not a span of time of the form %s", span.Start, span.End, layout)
		}
	}
	return nil
}
