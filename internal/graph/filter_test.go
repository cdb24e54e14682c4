package graph

import (
	"strings"
	"testing"

	"github.com/lanyard-project/lanyard/internal/directory"
)

func TestFilter(t *testing.T) {
	p := directory.ServicePrincipal{
		ObjectID: "0b1c0000-0000-0000-0000-000000000001", AppID: "a0000000-0000-0000-0000-000000000001", DisplayName: "O'Neill's app",
		Type: directory.TypeApplication, Names: []string{"a0000000-0000-0000-0000-000000000001", "api://kites"},
	}
	for text, want := range map[string]bool{
		"servicePrincipalNames/any(c:c eq 'a0000000-0000-0000-0000-000000000001')":    true,
		"servicePrincipalNames/any(x: x eq 'API://kites')":                            true,
		"serviceprincipalnames/any(c:c eq 'api://kite')":                              false,
		"appId eq 'A0000000-0000-0000-0000-000000000001'":                             true,
		"id eq '0b1c0000-0000-0000-0000-000000000001'":                                true,
		"displayName eq 'O''Neill''s app'":                                            true,
		"displayName eq 'O'":                                                          false,
		"startswith(displayName,'o''neill')":                                          true,
		"startsWith(displayName, '')":                                                 true,
		"startswith(displayName,'app')":                                               false,
		"displayName in ('a', 'o''neill''s app')":                                     true,
		"servicePrincipalType eq 'ManagedIdentity'":                                   false,
		"displayName eq 'x' or appId eq 'a0000000-0000-0000-0000-000000000001'":       true,
		"displayName eq 'x' and appId eq 'a0000000-0000-0000-0000-000000000001'":      false,
		"id eq 'x' and id eq 'x' or startswith(displayName,'O')":                      true,
		"id eq 'x' and (id eq 'x' or startswith(displayName,'O'))":                    false,
		"  ( ( servicePrincipalType eq 'Application' ) and startswith(appId,'a0') ) ": true,
	} {
		f, refused := parseFilter(text)
		if refused != nil {
			t.Errorf("%s: %v", text, refused)
			continue
		}
		matches, refused := servicePrincipals().compile(f)
		if refused != nil {
			t.Errorf("%s: %v", text, refused)
			continue
		}
		if got := matches(p); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
}

// What isn't understood is refused, and the refusal says what it was: answering
// the part that is understood would find principals that nobody asked for.
func TestFilterThatIsNotUnderstood(t *testing.T) {
	for text, names := range map[string]string{
		"":                                         "''",
		"displayName":                              "displayName",
		"displayName eq":                           "displayName eq",
		"displayName eq x":                         "displayName eq x",
		"displayName eq 'x":                        "displayName eq 'x",
		"displayName eq 'x' or":                    "or",
		"displayName eq 'x' displayName eq 'y'":    "displayName eq 'y'",
		"displayName ne 'x'":                       "displayName ne",
		"not displayName eq 'x'":                   "not",
		"endswith(displayName,'x')":                "endswith",
		"startswith('x',displayName)":              "startswith",
		"(displayName eq 'x'":                      "(displayName",
		"displayName in ()":                        "in ()",
		"names/all(c:c eq 'x')":                    "all",
		"servicePrincipalNames/any(c:d eq 'x')":    "any(c:d",
		"accountEnabled eq true":                   "accountEnabled",
		"colour eq 'x'":                            "colour",
		"servicePrincipalNames eq 'x'":             "servicePrincipalNames",
		"appId/any(c:c eq 'x')":                    "appId",
		"startswith(servicePrincipalNames,'x')":    "servicePrincipalNames",
		"displayName eq 'x' and colour eq 'green'": "colour",
		"é eq 'x'":                                 "é",
		strings.Repeat("(", 20) + "id eq 'x'" + strings.Repeat(")", 20): "(((",
		"id in ('" + strings.Repeat("','", 15) + "')":                   "16",
	} {
		f, refused := parseFilter(text)
		if refused == nil {
			_, refused = servicePrincipals().compile(f)
		}
		if refused == nil || refused.Status != 400 || refused.Code != "Request_UnsupportedQuery" || !strings.Contains(refused.Message, names) {
			t.Errorf("%s: %v", text, refused)
		}
	}
}

func FuzzFilter(f *testing.F) {
	for _, seed := range []string{
		"servicePrincipalNames/any(c:c eq 'x')", "appId eq 'x'", "startswith(displayName,'it''s')", "id in ('a','b') and (id eq 'c' or displayName eq '')", "((", "'", "é",
	} {
		f.Add(seed)
	}
	p := directory.ServicePrincipal{ObjectID: "o", AppID: "a", DisplayName: "d", Names: []string{"a"}}
	f.Fuzz(func(t *testing.T, text string) {
		parsed, refused := parseFilter(text)
		if (parsed == nil) == (refused == nil) {
			t.Fatalf("%q: %v, %v", text, parsed, refused)
		}
		if refused != nil {
			return
		}
		matches, refused := servicePrincipals().compile(parsed)
		if refused == nil {
			matches(p)
		}
		// Brackets around the whole never change what it means.
		if again, err := parseFilter("(" + text + ")"); err != nil && !strings.HasPrefix(strings.TrimLeft(text, " "), "(") || err == nil && again.op != parsed.op {
			t.Errorf("%q in brackets: %v", text, err)
		}
	})
}

// FuzzQuery holds that a list request is either refused as the caller's mistake or says all that it was asked with.
func FuzzQuery(f *testing.F) {
	for _, seed := range []string{
		"", "$filter=displayName%20eq%20'x'&$top=5", "$top=0", "$top=5&%24Top=6", "filter=a&$filter=b", "$select=id,%20appId", "%zz", "a;b=c", "$skiptoken=\x00", "$count=true", "$filter=&&=",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		q, refused := parseQuery(raw)
		if refused != nil {
			if refused.Status < 400 || refused.Status > 499 {
				t.Errorf("%q is refused with %d", raw, refused.Status)
			}
			return
		}
		if q.top < 1 || q.top > maxPage {
			t.Errorf("%q asks for %d at once", raw, q.top)
		}
		for name, given := range q.values {
			if len(given) != 1 {
				t.Errorf("%q gives %s %d times", raw, name, len(given))
			}
		}
	})
}
