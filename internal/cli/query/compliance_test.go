package query

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/lanyard-project/lanyard/internal/cli/value"
)

// TestComplianceSuite runs the public suite. Where az's interpreter knowingly
// differs from it, azDiffers says so.
func TestComplianceSuite(t *testing.T) {
	files, err := filepath.Glob("testdata/compliance/*.json")
	if err != nil || len(files) < 16 {
		t.Fatalf("the suite has %d files (%v)", len(files), err)
	}
	cases := 0
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		suites, err := value.Decode(data)
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for _, suite := range suites.([]any) {
			given := field(suite, "given")
			for _, c := range field(suite, "cases").([]any) {
				cases++
				runCase(t, filepath.Base(file), given, c.(*value.Object))
			}
		}
	}
	if cases < 800 {
		t.Errorf("only %d cases were run", cases)
	}
}

func runCase(t *testing.T, file string, given any, c *value.Object) {
	t.Helper()
	text := c.String("expression")
	got, err := search(text, given)
	if want, fails := c.Get("error"); fails {
		if err == nil && !azDiffers[text] {
			t.Errorf("%s: %s gave %s, want the error %v", file, text, show(got), want)
		}
		return
	}
	if err != nil {
		t.Errorf("%s: %s: %v", file, text, err)
		return
	}
	if want, _ := c.Get("result"); !equal(got, want) && !azDiffers[text] {
		t.Errorf("%s: %s gave %s, want %s", file, text, show(got), show(want))
	}
}

// azDiffers are expressions that the suite and az's interpreter answer differently.
var azDiffers = map[string]bool{}

func search(text string, document any) (any, error) {
	e, err := Parse(text)
	if err != nil {
		return nil, err
	}
	return e.Search(document)
}

func show(v any) string {
	data, err := value.Encode(v)
	if err != nil {
		return err.Error()
	}
	return string(data)
}
