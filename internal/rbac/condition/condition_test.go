package condition_test

import (
	"errors"
	"path"
	"strings"
	"testing"

	"github.com/lanyard-project/lanyard/internal/rbac/condition"
)

// known are the attributes of these tests; an empty list is one that doesn't exist.
type known map[string][]string

func (k known) Attribute(source condition.Source, name string) ([]string, bool) {
	values, ok := k[strings.ToLower(string(source)+"/"+name)]
	return values, ok
}

const (
	blobRead  = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read"
	write     = "Microsoft.Authorization/roleAssignments/write"
	container = "@Resource[Microsoft.Storage/storageAccounts/blobServices/containers:name]"
	role      = "@Request[Microsoft.Authorization/roleAssignments:RoleDefinitionId]"
)

func attributes() known {
	return known{
		"resource/microsoft.storage/storageaccounts/blobservices/containers:name": {"blobs-example"},
		"resource/tags:project":     {"Baker", "Cascade"},
		"resource/absent":           {},
		"resource/size":             {"12"},
		"environment/utcnow":        {"2026-05-01T10:00:00Z"},
		"environment/isprivatelink": {"false"},
		"request/microsoft.authorization/roleassignments:roledefinitionid": {"7f951dda-4ed3-4680-a7ca-43fe172d538d"},
		"request/microsoft.authorization/roleassignments:principaltype":    {"ServicePrincipal"},
	}
}

func evaluate(t *testing.T, action, text string) condition.Result {
	t.Helper()
	c, err := condition.Parse(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return c.Evaluate(condition.Subject{Action: action, SubOperation: "Blob.List", Attributes: attributes(), Matches: func(pattern, action string) bool {
		ok, err := path.Match(strings.ReplaceAll(pattern, "/*", "/x"), action)
		return err == nil && ok
	}})
}

// TestEvaluate has the forms of the documentation's examples.
func TestEvaluate(t *testing.T) {
	constrained := "((!(ActionMatches{'" + write + "'})) OR (" + role + " ForAnyOfAnyValues:GuidEquals{8311e382-0749-4cb8-b61a-304f252e45ec, 7F951DDA-4ed3-4680-a7ca-43fe172d538d}))"
	tests := []struct {
		text string
		want condition.Result
	}{
		{constrained, condition.True},
		{strings.Replace(constrained, "7F951DDA", "00000000", 1), condition.False},
		{strings.Replace(constrained, "RoleDefinitionId", "Other", 1), condition.Unknown},
		{strings.Replace(constrained, "roleAssignments/write", "roleAssignments/delete", 1), condition.True},
		{role + " ForAnyOfAllValues:GuidNotEquals{8e3af657-a8ff-443c-a75c-2fe8c4bcb635, 18d7d88d-d35e-4fb5-a5c3-7773c20a72d9}", condition.True},
		{role + " ForAnyOfAllValues:GuidNotEquals{8e3af657-a8ff-443c-a75c-2fe8c4bcb635, 7f951dda-4ed3-4680-a7ca-43fe172d538d}", condition.False},
		{"@Request[Microsoft.Authorization/roleAssignments:PrincipalType] StringEqualsIgnoreCase 'serviceprincipal'", condition.True},
		{container + " StringEquals 'blobs-example'", condition.True},
		{container + " StringNotEquals 'blobs-example'", condition.False},
		{container + " StringEquals 'Blobs-Example'", condition.False},
		{container + " StringLike 'blobs-*'", condition.True},
		{container + " StringLike '*e?ample'", condition.True},
		{container + " StringNotLike 'logs*'", condition.True},
		{container + " StringStartsWith 'blobs'", condition.True},
		{"'blobs-example' StringEquals " + container, condition.True},
		{"@Resource[tags:Project] ForAllOfAnyValues:StringEquals {'Baker', 'Cascade', 'Third'}", condition.True},
		{"@Resource[tags:Project] ForAllOfAnyValues:StringEquals {'Baker'}", condition.False},
		{"@Resource[tags:Project] ForAnyOfAnyValues:StringEquals {'Baker'}", condition.True},
		{"@Resource[tags:Project] ForAllOfAllValues:StringNotEquals {'x', 'y'}", condition.True},
		{"@Resource[size] NumericLessThanEquals 12 AND @Resource[size] NumericGreaterThan 11.5", condition.True},
		{"@Resource[tags:Project] NumericNotEquals 3", condition.False},
		{"@Environment[UtcNow] DateTimeGreaterThan '2026-05-01T00:00:00Z'", condition.True},
		{"@Environment[isPrivateLink] BoolEquals true", condition.False},
		{"Exists @Resource[tags:Project] && NotExists @Resource[absent]", condition.True},
		{"Exists @Resource[nobody:knows]", condition.Unknown},
		{"NOT Exists @Resource[nobody:knows]", condition.Unknown},
		{"@Resource[absent] StringNotEquals 'x'", condition.False},
		{"@Principal[x] StringEquals 'x' OR " + container + " StringEquals 'blobs-example'", condition.True},
		{"@Principal[x] StringEquals 'x' AND " + container + " StringEquals 'other'", condition.False},
		{"!(@Principal[x] StringEquals 'x')", condition.Unknown},
		{"SubOperationMatches{'Blob.List'}", condition.True},
		{"!SubOperationMatches{'Blob.Read.WithTagConditions'}", condition.True},
		{"'it''s' StringEquals 'it\\'s'", condition.True},
	}
	for _, tt := range tests {
		if got := evaluate(t, write, tt.text); got != tt.want {
			t.Errorf("%s: got %d, want %d", tt.text, got, tt.want)
		}
	}
}

func TestParseSaysWhereItFails(t *testing.T) {
	for text, want := range map[string]string{
		"":                                "character 1: expected an attribute or a value",
		"(ActionMatches{'a'}":             "character 20: expected )",
		"ActionMatches{'a'} x":            "character 20: unexpected \"x\"",
		"ActionMatches{}":                 "character 15: expected a value",
		"@Resource[a StringEquals 'x'":    "isn't closed by ]",
		"@Nobody[a] StringEquals 'x'":     "is no source of attributes",
		"@Resource[a] Equals 'x'":         "is no operator that is supported",
		"@Resource[a] X:StringEquals 'x'": "is no quantifier",
		"@Resource[a] StringEquals 'x":    "the quote isn't closed",
		strings.Repeat("!", 100) + "Exists @Resource[a]": "nested deeper",
		strings.Repeat(" ", 9000):                        "longer than 8192",
	} {
		_, err := condition.Parse(text)
		var syntax *condition.SyntaxError
		if !errors.As(err, &syntax) || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: %v, want %q", text, err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"((!(ActionMatches{'" + write + "'})) OR (" + role + " ForAnyOfAnyValues:GuidEquals{a, b}))",
		container + " StringLike 'a*' AND NOT Exists @Resource[x]", "SubOperationMatches{'Blob.List'} || true BoolEquals false",
		"@Environment[UtcNow] DateTimeLessThan '2026-05-01T00:00:00Z'", "'", "@", "((((", "{", "a b c",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(_ *testing.T, text string) {
		if c, err := condition.Parse(text); err == nil {
			c.Evaluate(condition.Subject{Action: blobRead, Attributes: attributes(), Matches: strings.EqualFold})
		}
	})
}
