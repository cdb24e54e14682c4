package print

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/lanyard-project/lanyard/internal/cli/value"
)

func TestFitCutsTheWidestAndIdentifiersLast(t *testing.T) {
	const id = "a23ab25b-e20a-4700-a763-226aeeeb963a"
	rows := []any{value.NewObject("name", "application-identity", "resourceGroup", strings.Repeat("g", 40), "clientId", id, "roles", value.Int(1))}
	for _, width := range []int{60, 80, 100, 200} {
		text, err := Table(Answer{Document: Fit(rows, width), Queried: true})
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(text) {
			if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > width {
				t.Errorf("%d columns in a terminal of %d: %s", n, width, line)
			}
		}
		if width > 60 && !strings.Contains(text, id) {
			t.Errorf("the identifier is cut at %d columns:\n%s", width, text)
		}
	}
	if diff := cmp.Diff(rows[0].(*value.Object).String("resourceGroup"), Fit(rows, 0)[0].(*value.Object).String("resourceGroup")); diff != "" {
		t.Errorf("cut for what is no terminal: %s", diff)
	}
}

// Seven columns of a cluster, as `status` has them, in a terminal of 80 columns.
func TestFitOfManyColumns(t *testing.T) {
	rows := []any{value.NewObject("name", "myAKSCluster", "group", "myResourceGroup", "state", "Succeeded", "power", "Running", "version", "1.34.4",
		"pools", "nodepool1×1 nodepool2×3", "identity", "SystemAssigned")}
	for _, width := range []int{66, 78} {
		text, err := Table(Answer{Document: Fit(rows, width), Queried: true})
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(text) {
			if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > width {
				t.Errorf("%d columns in a terminal of %d: %s", n, width, line)
			}
		}
	}
}

func TestWrap(t *testing.T) {
	const id = "/subscriptions/c0230b0d-ffab-4e87-9c3d-87822026b742/resourceGroups/mine"
	for _, tc := range []struct {
		name, text, indent string
		width              int
		want               string
	}{
		{"no terminal", "a " + id, "  ", 0, "  a " + id},
		{"short", "a b", "  ", 40, "  a b"},
		{"between words", "one two three", " ", 11, " one two\n three"},
		{"an ID at its slashes", "at " + id, "  ", 60, "  at\n  /subscriptions/c0230b0d-ffab-4e87-9c3d-87822026b742/\n  resourceGroups/mine"},
		{"a long word anywhere", strings.Repeat("x", 25), "", 20, strings.Repeat("x", 20) + "\n" + strings.Repeat("x", 5)},
		{"paragraphs", "a\nb", "-", 20, "-a\n-b"},
		{"letters of several bytes", strings.Repeat("ä", 12), "", 10, strings.Repeat("ä", 10) + "\nää"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, Wrap(tc.text, tc.indent, tc.width)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}
