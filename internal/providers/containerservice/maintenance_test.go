package containerservice_test

import (
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/containerservice/armcontainerservice/v6"

	"github.com/lanyard-project/lanyard/internal/arm/rest"
)

// TestMaintenanceConfigurations by the official client: made, listed, read, changed and deleted, and gone with their cluster.
func TestMaintenanceConfigurations(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start()
	defer p.stop()
	p.works("demo", simple)
	client, err := armcontainerservice.NewMaintenanceConfigurationsClient(subscription, bearer(caller().ObjectID), options(p.serve()))
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	put := func(cluster, name string, is armcontainerservice.MaintenanceConfigurationProperties) (armcontainerservice.MaintenanceConfiguration, error) {
		made, err := client.CreateOrUpdate(ctx, "rg", cluster, name, armcontainerservice.MaintenanceConfiguration{Properties: &is}, nil)
		return made.MaintenanceConfiguration, err
	}
	hours := armcontainerservice.MaintenanceConfigurationProperties{
		TimeInWeek:     []*armcontainerservice.TimeInWeek{{Day: to.Ptr(armcontainerservice.WeekDayMonday), HourSlots: []*int32{to.Ptr[int32](1), to.Ptr[int32](2)}}},
		NotAllowedTime: []*armcontainerservice.TimeSpan{{Start: to.Ptr(time.Date(2026, 12, 24, 0, 0, 0, 0, time.UTC)), End: to.Ptr(time.Date(2026, 12, 27, 0, 0, 0, 0, time.UTC))}},
	}
	window := armcontainerservice.MaintenanceConfigurationProperties{MaintenanceWindow: &armcontainerservice.MaintenanceWindow{
		Schedule:      &armcontainerservice.Schedule{Weekly: &armcontainerservice.WeeklySchedule{IntervalWeeks: to.Ptr[int32](2), DayOfWeek: to.Ptr(armcontainerservice.WeekDayFriday)}},
		DurationHours: to.Ptr[int32](8), StartTime: to.Ptr("00:30"), StartDate: to.Ptr(time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)),
	}}
	if made, err := put("demo", "default", hours); err != nil || *made.Name != "default" || *made.Type != "Microsoft.ContainerService/managedClusters/maintenanceConfigurations" || made.SystemData == nil {
		t.Fatalf("made %+v, %v", made, err)
	}
	if made, err := put("demo", "aksManagedAutoUpgradeSchedule", window); err != nil || *made.Properties.MaintenanceWindow.UTCOffset != "+00:00" {
		t.Fatalf("made %+v, %v", made, err)
	}
	window.MaintenanceWindow.DurationHours = to.Ptr[int32](4)
	if changed, err := put("demo", "aksManagedAutoUpgradeSchedule", window); err != nil || *changed.Properties.MaintenanceWindow.DurationHours != 4 {
		t.Errorf("changed %+v, %v", changed, err)
	}
	if page, err := client.NewListByManagedClusterPager("rg", "demo", nil).NextPage(ctx); err != nil || len(page.Value) != 2 {
		t.Errorf("list %+v, %v", page, err)
	}
	if _, err := put("demo", "mine", window); code(err) != "InvalidParameter" {
		t.Errorf("a name that isn't one: %v", err)
	}
	if _, err := put("gone", "default", hours); statusOf(err) != 404 {
		t.Errorf("for a cluster that isn't there: %v", err)
	}
	for range 2 { // the second time there is nothing
		if _, err := client.Delete(ctx, "rg", "demo", "default", nil); err != nil {
			t.Error(err)
		}
	}
	if _, err := client.Get(ctx, "rg", "demo", "default", nil); code(err) != "ResourceNotFound" {
		t.Errorf("after its deletion: %v", err)
	}
	p.delete(clusterID("demo"))
	p.settle(clusterID("demo"))
	if left := p.get(clusterID("demo").Child("maintenanceConfigurations", "aksManagedAutoUpgradeSchedule")); left != nil {
		t.Error("it outlived its cluster")
	}
}

func TestMaintenanceConfigurationsThatSayNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start()
	defer p.stop()
	p.works("demo", simple)
	const good = `{"schedule":{"daily":{"intervalDays":3}},"durationHours":8,"startTime":"10:00"}`
	window := func(old, instead string) string {
		if !strings.Contains(good, old) {
			t.Fatalf("%s isn't in %s", old, good)
		}
		return `"maintenanceWindow":` + strings.Replace(good, old, instead, 1)
	}
	schedule := func(text string) string { return window(`"daily":{"intervalDays":3}`, text) }
	const upgrades = "aksManagedAutoUpgradeSchedule"
	for _, tc := range []struct{ name, properties, target string }{
		{"default", ``, "maintenanceWindow"},
		{upgrades, ``, "maintenanceWindow"},
		{upgrades, `"timeInWeek":[{"day":"Monday","hourSlots":[1]}]`, "timeInWeek"},
		{"default", `"timeInWeek":[{"day":"Mon","hourSlots":[1]}]`, "timeInWeek.day"},
		{"default", `"timeInWeek":[{"day":"Monday","hourSlots":[24]}]`, "timeInWeek.hourSlots"},
		{"default", `"notAllowedTime":[{"start":"2026-12-27T00:00:00Z","end":"2026-12-24T00:00:00Z"}]`, "notAllowedTime"},
		{"default", `"notAllowedTime":[{"start":"Christmas","end":"2026-12-24T00:00:00Z"}]`, "notAllowedTime"},
		{upgrades, schedule(``), "maintenanceWindow.schedule"},
		{upgrades, schedule(`"daily":{"intervalDays":3},"weekly":{"intervalWeeks":1,"dayOfWeek":"Monday"}`), "maintenanceWindow.schedule"},
		{upgrades, schedule(`"daily":{"intervalDays":8}`), "maintenanceWindow.schedule.daily.intervalDays"},
		{upgrades, schedule(`"weekly":{"intervalWeeks":5,"dayOfWeek":"Monday"}`), "maintenanceWindow.schedule.weekly.intervalWeeks"},
		{upgrades, schedule(`"weekly":{"intervalWeeks":1}`), "maintenanceWindow.schedule.weekly.dayOfWeek"},
		{upgrades, schedule(`"absoluteMonthly":{"intervalMonths":7,"dayOfMonth":1}`), "maintenanceWindow.schedule.absoluteMonthly.intervalMonths"},
		{upgrades, schedule(`"absoluteMonthly":{"intervalMonths":1,"dayOfMonth":32}`), "maintenanceWindow.schedule.absoluteMonthly.dayOfMonth"},
		{upgrades, schedule(`"relativeMonthly":{"intervalMonths":0,"dayOfWeek":"Monday","weekIndex":"First"}`), "maintenanceWindow.schedule.relativeMonthly.intervalMonths"},
		{upgrades, schedule(`"relativeMonthly":{"intervalMonths":1,"dayOfWeek":"Monday","weekIndex":"Fifth"}`), "maintenanceWindow.schedule.relativeMonthly.weekIndex"},
		{upgrades, schedule(`"relativeMonthly":{"intervalMonths":1,"dayOfWeek":"","weekIndex":"Last"}`), "maintenanceWindow.schedule.relativeMonthly.dayOfWeek"},
		{upgrades, window(`"durationHours":8`, `"durationHours":3`), "maintenanceWindow.durationHours"},
		{upgrades, window(`"durationHours":8`, `"durationHours":25`), "maintenanceWindow.durationHours"},
		{upgrades, window(`"10:00"`, `"24:00"`), "maintenanceWindow.startTime"},
		{upgrades, window(`"startTime"`, `"startDate":"1.1.2027","startTime"`), "maintenanceWindow.startDate"},
		{upgrades, window(`"startTime"`, `"utcOffset":"CET","startTime"`), "maintenanceWindow.utcOffset"},
		{upgrades, window(`"startTime"`, `"notAllowedDates":[{"start":"2027-01-02","end":"2027-01-01"}],"startTime"`), "maintenanceWindow.notAllowedDates"},
	} {
		_, _, err := p.put(clusterID("demo").Child("maintenanceConfigurations", tc.name), `{"properties":{`+tc.properties+`}}`)
		if !rest.HasCode(err, "InvalidParameter") || rest.AsError(err).Target != tc.target {
			t.Errorf("%s %s: %v, want one about %s", tc.name, tc.properties, err, tc.target)
		}
	}
	if _, _, err := p.put(clusterID("demo").Child("maintenanceConfigurations", upgrades), `{"properties":{`+window(`3`, `7`)+`}}`); err != nil {
		t.Error(err)
	}
}
