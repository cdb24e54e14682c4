package shape

import (
	"io/fs"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lanyard-project/lanyard/internal/cli/value"
)

func TestFullAndSparse(t *testing.T) {
	answer := decode(t, `{"id":"/subscriptions/s/resourcegroups/g/providers/P/t/n","name":"n","properties":{"clientId":"c","new":1},"unknown":true}`)
	m := Load("managedidentity")
	for name, c := range map[string]struct {
		got  any
		want string
	}{
		"full":   {m.Full("Identity", answer), `{"id":"/subscriptions/s/resourcegroups/g/providers/P/t/n","name":"n","type":null,"tags":null,"location":null,"tenantId":null,"principalId":null,"clientId":"c","resourceGroup":"g"}`},
		"sparse": {m.Sparse("Identity", answer), `{"id":"/subscriptions/s/resourcegroups/g/providers/P/t/n","name":"n","clientId":"c","resourceGroup":"g"}`},
	} {
		if diff := cmp.Diff(c.want, encode(t, AddResourceGroup(c.got))); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestTimesAndFractions(t *testing.T) {
	for given, want := range map[string]string{
		"2022-09-28T11:21:21.2262691Z": "2022-09-28T11:21:21.226269+00:00",
		"2022-09-28T11:21:21Z":         "2022-09-28T11:21:21+00:00",
		"soon":                         "soon",
	} {
		if got := timestamp(given); got != want {
			t.Errorf("%s became %v, want %s", given, got, want)
		}
	}
	if got := encode(t, float(decode(t, "-1"))); got != "-1.0" {
		t.Errorf("-1 became %s", got)
	}
}

// Every model file can be read, and names no model that it doesn't have.
func TestModelsAreWhole(t *testing.T) {
	entries, err := fs.ReadDir(files, "models")
	if err != nil || len(entries) < 15 {
		t.Fatalf("%d model files (%v)", len(entries), err)
	}
	for _, entry := range entries {
		m := Load(strings.TrimSuffix(entry.Name(), ".txt"))
		for name, fields := range m.byName {
			for _, a := range fields {
				kind := strings.Trim(a.kind, "[]{}")
				if _, ok := m.byName[kind]; !ok && kind != "" && kind != "time" && kind != "float" && kind != optional {
					t.Errorf("%s: %s.%s is of the unknown model %s", entry.Name(), name, a.name, kind)
				}
			}
		}
	}
}

func decode(t *testing.T, text string) any {
	t.Helper()
	v, err := value.Decode([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func encode(t *testing.T, v any) string {
	t.Helper()
	data, err := value.Encode(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
