package print

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lanyard-project/lanyard/internal/cli/query"
	"github.com/lanyard-project/lanyard/internal/cli/value"
)

const groups = `[
 {"id":"/subscriptions/s/resourceGroups/b","location":"eastus","managedBy":null,"name":"b","properties":{"provisioningState":"Succeeded"},"tags":{"k":"v","a":"1"},"type":"Microsoft.Resources/resourceGroups"},
 {"id":"/subscriptions/s/resourceGroups/longer-name","location":"westeurope","managedBy":"x","name":"longer-name","properties":{},"tags":null,"type":"Microsoft.Resources/resourceGroups"}]`

// TestFormats holds what az 2.45 printed for the same documents.
func TestFormats(t *testing.T) {
	for name, c := range map[string]struct{ document, query, format, want string }{
		"json sorts keys":            {`{"b":1,"a":[],"c":{},"d":[1.0,"é<>&"]}`, "", "json", "{\n  \"a\": [],\n  \"b\": 1,\n  \"c\": {},\n  \"d\": [\n    1.0,\n    \"é<>&\"\n  ]\n}\n"},
		"a string in json":           {`"x"`, "", "json", "\"x\"\n"},
		"null in json":               {`null`, "", "json", "null\n"},
		"table":                      {groups, "", "table", "Location    Name         ManagedBy\n----------  -----------  -----------\neastus      b\nwesteurope  longer-name  x\n"},
		"table in the query's order": {groups, "[].{Name:name, Loc:location}", "table", "Name         Loc\n-----------  ----------\nb            eastus\nlonger-name  westeurope\n"},
		"table of lists":             {groups, "[].[name, tags]", "table", "Column1      Column2\n-----------  --------------------\nb            {'k': 'v', 'a': '1'}\nlonger-name\n"},
		"table of a scalar":          {`"x"`, "", "table", "Result\n--------\nx\n"},
		"table of true":              {`{"a":true}`, "", "table", "A\n----\nTrue\n"},
		"table of nothing":           {`[]`, "", "table", "\n"},
		"tsv sorts":                  {groups, "", "tsv", "/subscriptions/s/resourceGroups/b\teastus\tNone\tb\t\t\tMicrosoft.Resources/resourceGroups\n/subscriptions/s/resourceGroups/longer-name\twesteurope\tx\tlonger-name\t\tNone\tMicrosoft.Resources/resourceGroups\n"},
		"tsv in the query's order":   {groups, "[].{n:name,l:location,t:length(tags||`{}`)}", "tsv", "b\teastus\t2\nlonger-name\twesteurope\t0\n"},
		"tsv of a scalar":            {groups, "[0].name", "tsv", "b\n"},
		"tsv of true":                {`true`, "", "tsv", "true\n"},
		"tsv of nested true":         {`[[true,null,[1,2]]]`, "", "tsv", "True\tNone\t2\n"},
		"yaml":                       {groups, "[0]", "yaml", "id: /subscriptions/s/resourceGroups/b\nlocation: eastus\nmanagedBy: null\nname: b\nproperties:\n  provisioningState: Succeeded\ntags:\n  a: '1'\n  k: v\ntype: Microsoft.Resources/resourceGroups\n"},
		"yaml of lists":              {`{"a":[1,{"b":[],"c":[2]},["x"]],"d":{}}`, "", "yaml", "a:\n- 1\n- b: []\n  c:\n  - 2\n- - x\nd: {}\n"},
		"yaml quotes":                {`["","yes","a: b","- x","it's","'a","#","a #b","12","2020-01-01","x:y","*"]`, "", "yaml", "- ''\n- 'yes'\n- 'a: b'\n- '- x'\n- it's\n- '''a'\n- '#'\n- 'a #b'\n- '12'\n- '2020-01-01'\n- x:y\n- '*'\n"},
		"yaml of a scalar":           {`"x"`, "", "yaml", "x\n...\n"},
		"yaml folds and escapes": {`["=x","~a","a\nb","a\tb","%x","` + strings.Repeat("long ", 30) + `",":x","x,y","1e5"]`, "", "yaml", "- =x\n- ~a\n- 'a\n\n  b'\n- \"a\\tb\"\n- '%x'\n" +
			"- 'long long long long long long long long long long long long long long long long\n  long long long long long long long long long long long long long long '\n- :x\n- x,y\n- 1e5\n"},
		"none": {groups, "", "none", ""},
	} {
		t.Run(name, func(t *testing.T) {
			document, err := value.Decode([]byte(c.document))
			if err != nil {
				t.Fatal(err)
			}
			if c.query != "" {
				e, err := query.Parse(c.query)
				if err != nil {
					t.Fatal(err)
				}
				if document, err = e.Search(document); err != nil {
					t.Fatal(err)
				}
			}
			var b strings.Builder
			if err := Write(&b, c.format, Answer{Document: document, Queried: c.query != ""}, false); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, b.String()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestTableWithoutColumnsIsRefused(t *testing.T) {
	if _, err := Table(Answer{Document: value.NewObject("id", "x")}); err == nil {
		t.Error("a table without columns was made")
	}
}
