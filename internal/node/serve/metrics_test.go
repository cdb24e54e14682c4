package serve_test

import (
	"io"
	"slices"
	"testing"
)

// Property 32: whatever a caller sends, the series are those that there were before.
func TestNoMetricHasALabelOfTheCallersChoice(t *testing.T) {
	r := newRig(t, io.Discard)
	series := func() []string {
		families, err := r.registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		var all []string
		for _, family := range families {
			for _, metric := range family.GetMetric() {
				name := family.GetName()
				for _, label := range metric.GetLabel() {
					name += " " + label.GetName() + "=" + label.GetValue()
				}
				all = append(all, name)
			}
		}
		return all
	}
	before := series()
	for _, path := range []string{
		target, target + "&client_id=mine", "/metadata/identity/oauth2/token?resource=mine", "/mine", "/metadata/identity/mine",
		"/metadata/instance/mine?api-version=2021-02-01", target + "&mine=mine",
	} {
		r.ask(path)
	}
	if after := series(); !slices.Equal(before, after) {
		t.Errorf("series before %v, after %v", before, after)
	}
}
