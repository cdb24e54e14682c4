package life

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lanyard-project/lanyard/internal/cli/local"
	"github.com/lanyard-project/lanyard/internal/cli/value"
)

// What status shows of a record: half a line at its beginning, as a file that was cut has
// it, two tokens of one holder of which the later one counts, one that has ended, and
// refusals of each kind.
func TestRecordIsShown(t *testing.T) {
	const set = "/subscriptions/s/resourceGroups/MC_g_c_eastus/providers/Microsoft.Compute/virtualMachineScaleSets/aks-pool1-1-vmss"
	cloud := &local.Cloud{Dir: t.TempDir()}
	lines := []string{
		`Id":"cut","issued":true}`,
		`{"time":"2027-01-01T09:00:00Z","kind":"token","via":"metadata","appId":"app1","resource":"https://vault.azure.net","host":"` + set + `","issued":true,"expires":"2027-01-01T12:00:00Z"}`,
		`{"time":"2027-01-01T09:30:00Z","kind":"token","via":"metadata","appId":"app1","resource":"https://vault.azure.net","host":"` + set + `","issued":true,"cached":true,"expires":"2027-01-01T13:00:00Z"}`,
		`{"time":"2027-01-01T08:00:00Z","kind":"token","via":"token endpoint","appId":"app2","resource":"https://graph.microsoft.com","issued":true,"expires":"2027-01-01T09:00:00Z"}`,
		`{"time":"2027-01-01T09:40:00Z","kind":"token","via":"token endpoint","appId":"app2","issued":false,"code":7000215,"reason":"Invalid client secret provided."}`,
		`{"time":"2027-01-01T09:41:00Z","kind":"decision","appId":"app1","method":"GET","path":"/subscriptions/s/resourceGroups/g","action":"Microsoft.Resources/subscriptions/resourceGroups/read","scope":"/subscriptions/s/resourceGroups/g","allowed":false,"status":403,"code":"AuthorizationFailed"}`,
		`{"time":"2027-01-01T09:42:00Z","kind":"decision","appId":"app1","method":"GET","path":"/subscriptions/s","allowed":true,"status":200}`,
		`{"time":"2027-01-01T09:43:00Z","kind":"decision","method":"GET","path":"/subscriptions","allowed":false,"status":401,"code":"AuthenticationFailed"}`,
		`{"time":"2027-01-01T09:44:00Z","kind":"token","via":"metadata","host":"` + set + `","issued":false,"reason":"Identity not found"}`,
	}
	file := filepath.Join(cloud.DataDir(), "record", "record.jsonl")
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n{\"time"), 0o600); err != nil {
		t.Fatal(err)
	}
	all, err := entries(cloud)
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]string{"app1": "application-identity"}
	for what, test := range map[string]struct {
		rows []any
		want []string
	}{
		"tokens":    {holdings(all, time.Date(2027, 1, 1, 10, 0, 0, 0, time.UTC), names), []string{"application-identity|3h0m|https://vault.azure.net|aks-pool1-1-vmss|metadata"}},
		"no tokens": {holdings(all, time.Date(2027, 1, 2, 0, 0, 0, 0, time.UTC), names), nil},
		"refusals": {refusals(all, 9, names), []string{
			"2027-01-01 09:44:00|metadata|nobody|Identity not found",
			"2027-01-01 09:43:00|AuthenticationFailed|nobody|GET /subscriptions",
			"2027-01-01 09:41:00|AuthorizationFailed|application-identity|Microsoft.Resources/subscriptions/resourceGroups/read at resourceGroups/g",
			"2027-01-01 09:40:00|AADSTS7000215|app2|Invalid client secret provided.",
		}},
		"two refusals": {refusals(all, 1, names), []string{"2027-01-01 09:44:00|metadata|nobody|Identity not found"}},
	} {
		var got []string
		for _, row := range test.rows {
			o := row.(*value.Object)
			var cells []string
			for _, key := range o.Keys() {
				cells = append(cells, o.String(key))
			}
			got = append(got, strings.Join(cells, "|"))
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
}
