package registry

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestScopes(t *testing.T) {
	for _, c := range []struct {
		name  string
		sent  []string
		want  []access
		shown []grant
	}{
		{"one", []string{"repository:web:pull"}, []access{{"repository", "web", "pull"}}, []grant{{"repository", "web", []string{"pull"}}}},
		{
			"several actions", []string{"repository:team/web:pull,push"},
			[]access{{"repository", "team/web", "pull"}, {"repository", "team/web", "push"}}, []grant{{"repository", "team/web", []string{"pull", "push"}}},
		},
		{
			"several parameters, and several in one", []string{"repository:a:pull repository:b:pull", "registry:catalog:*"},
			[]access{{"repository", "a", "pull"}, {"repository", "b", "pull"}, {"registry", "catalog", "*"}},
			[]grant{{"repository", "a", []string{"pull"}}, {"repository", "b", []string{"pull"}}, {"registry", "catalog", []string{"*"}}},
		},
		{"a name with a port", []string{"repository:localhost:5000/web:pull"}, []access{{"repository", "localhost:5000/web", "pull"}}, []grant{{"repository", "localhost:5000/web", []string{"pull"}}}},
		{"a class", []string{"repository(plugin):web:pull"}, []access{{"repository", "web", "pull"}}, []grant{{"repository", "web", []string{"pull"}}}},
		{"twice the same", []string{"repository:web:pull", "repository:web:pull"}, []access{{"repository", "web", "pull"}}, []grant{{"repository", "web", []string{"pull"}}}},
		{"no scopes", []string{"", "repository", "repository:web", "repository::pull", "repository:web:"}, nil, []grant{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := parseScopes(c.sent)
			if diff := cmp.Diff(c.want, got, cmp.AllowUnexported(access{})); diff != "" {
				t.Errorf("asked (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(c.shown, grants(got)); diff != "" {
				t.Errorf("granted (-want +got):\n%s", diff)
			}
		})
	}
}

func FuzzScopes(f *testing.F) {
	for _, seed := range []string{"repository:web:pull,push", "registry:catalog:*", "repository(plugin):a:pull repository:b:delete", "::", "repository:a:b:c,,d"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		all := parseScopes([]string{text})
		if len(all) > maxScopes {
			t.Fatalf("%d accesses", len(all))
		}
		list := grants(all)
		for _, a := range all {
			if a.name == "" || a.action == "" {
				t.Errorf("%q asks for %+v", text, a)
			}
			if !covers(list, a) {
				t.Errorf("%q: a token for %v doesn't cover %+v", text, list, a)
			}
		}
		if covers(list, access{"repository", "a name that nobody asked for", pull}) {
			t.Errorf("%q: a token for %v covers what wasn't asked for", text, list)
		}
	})
}
