package deployments

import (
	"bytes"
	"encoding/json"
	"testing"
)

func TestRelaxed(t *testing.T) {
	for text, want := range map[string]string{
		// As az sends it.
		`{"properties": {"mode": "Incremental", template:{"a": 1}}}`: `{"properties": {"mode": "Incremental", "template":{"a": 1}}}`,
		"{\n// why\n\"a\": /* how */ \"x // y\"}":                    "{\n\n\"a\":  \"x // y\"}",
		"{\"a\": \"[concat('a',\n\t'b')]\"}":                         `{"a": "[concat('a',\n\t'b')]"}`,
		`{"a": true, "b": null, c : -1}`:                             `{"a": true, "b": null, "c" : -1}`,
		`{"a": "\" template: "}`:                                     `{"a": "\" template: "}`,
	} {
		if got := string(relaxed([]byte(text))); got != want || !json.Valid([]byte(got)) {
			t.Errorf("%s\n got %s\nwant %s", text, got, want)
		}
	}
}

// FuzzRelaxed: what is JSON already keeps its meaning.
func FuzzRelaxed(f *testing.F) {
	for _, seed := range []string{`{"a":[1,true,null,"x\\\"//"]}`, `{template:{}}`, `/*`, `"`, `//`, `{"a":"/*"}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		got := relaxed(raw)
		if json.Valid(raw) && !bytes.Equal(got, raw) {
			t.Errorf("%q became %q", raw, got)
		}
	})
}
