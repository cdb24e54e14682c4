package expression_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/lanyard-project/lanyard/internal/providers/deployments/expression"
)

// named is an environment with parameters() and a function that must not run.
type named map[string]any

func (n named) Call(name string, arguments []any) (any, bool, error) {
	switch name {
	case "parameters":
		value, ok := n[arguments[0].(string)]
		if !ok {
			return nil, true, fmt.Errorf("the template parameter '%v' is not found", arguments[0])
		}
		return value, true, nil
	case "fail":
		return nil, true, fmt.Errorf("evaluated what isn't asked for")
	}
	return nil, false, nil
}

func evaluate(text string) (string, error) {
	value, err := expression.Walk(text, named{
		"name": "demo", "count": int64(3), "tags": map[string]any{"Env": "dev"}, "list": []any{"a", "b"}, "none": nil,
	})
	if err != nil {
		return "", err
	}
	raw, err := json.Marshal(value)
	return string(raw), err
}

func TestEvaluate(t *testing.T) {
	for text, want := range map[string]string{
		"plain":                    `"plain"`,
		"[[a]]":                    `"[a]]"`,
		"[a] b":                    `"[a] b"`,
		"['']":                     `""`,
		"['it''s']":                `"it's"`,
		"[concat('a', 1, true())]": `"a1True"`,
		"[concat(createArray('a'), createArray(2))]":               `["a",2]`,
		"[concat(parameters('name'), '-', parameters('count'))]":   `"demo-3"`,
		"[ParaMeters('tags').env]":                                 `"dev"`,
		"[parameters('list')[1]]":                                  `"b"`,
		"[parameters('list')[sub(length(parameters('list')), 2)]]": `"a"`,
		"[parameters('tags')['Env']]":                              `"dev"`,
		"[parameters('tags').?none]":                               `null`,
		"[format('{0}/{1} {{}}', 'a', 2)]":                         `"a/2 {}"`,
		"[toLower('ABC')]":                                         `"abc"`,
		"[toUpper(trim('  abc '))]":                                `"ABC"`,
		"[if(equals(parameters('count'), 3), 'three', fail())]":    `"three"`,
		"[and(false(), fail())]":                                   `false`,
		"[or(true(), fail())]":                                     `true`,
		"[not(contains(parameters('tags'), 'ENV'))]":               `false`,
		"[contains('abc', 'bc')]":                                  `true`,
		"[contains(parameters('list'), 'c')]":                      `false`,
		"[empty(createObject())]":                                  `true`,
		"[empty(parameters('none'))]":                              `true`,
		"[union(createObject('a', 1, 'n', createObject('x', 1)), createObject('A', 2, 'n', createObject('y', 2)))]": `{"a":2,"n":{"x":1,"y":2}}`,
		"[union(parameters('list'), createArray('b', 'c'))]":                                                        `["a","b","c"]`,
		"[intersection(parameters('list'), createArray('b', 'c'))]":                                                 `["b"]`,
		"[json('{\"a\":[1,2.5,null]}').a]":                                                                          `[1,2.5,null]`,
		"[string(createObject('a', 1))]":                                                                            `"{\"a\":1}"`,
		"[int('42')]":                                                                                               `42`,
		"[bool('true')]":                                                                                            `true`,
		"[coalesce(parameters('none'), null(), 'x')]":                                                               `"x"`,
		"[split('a,b;c', createArray(',', ';'))]":                                                                   `["a","b","c"]`,
		"[join(parameters('list'), '+')]":                                                                           `"a+b"`,
		"[replace('a-b-c', '-', '')]":                                                                               `"abc"`,
		"[substring('hello', 1, 3)]":                                                                                `"ell"`,
		"[take('hello', 99)]":                                                                                       `"hello"`,
		"[skip(createArray(1, 2, 3), 1)]":                                                                           `[2,3]`,
		"[first(parameters('list'))]":                                                                               `"a"`,
		"[last('xyz')]":                                                                                             `"z"`,
		"[indexOf('Hello', 'L')]":                                                                                   `2`,
		"[range(3, 3)]":                                                                                             `[3,4,5]`,
		"[max(1, 5, 3)]":                                                                                            `5`,
		"[mod(add(mul(2, 3), 1), 4)]":                                                                               `3`,
		"[greaterOrEquals(3, 3)]":                                                                                   `true`,
		"[less('a', 'b')]":                                                                                          `true`,
		"[padLeft(7, 3, '0')]":                                                                                      `"007"`,
		"[base64ToString(base64('one'))]":                                                                           `"one"`,
		"[uri('https://a.example/b/', 'c.json')]":                                                                   `"https://a.example/b/c.json"`,
		"[uriComponent('a b/c')]":                                                                                   `"a%20b%2Fc"`,
		"[items(parameters('tags'))[0].key]":                                                                        `"Env"`,
		"[flatten(createArray(createArray(1), createArray(2, 3)))]":                                                 `[1,2,3]`,
		"[tryGet(parameters('tags'), 'a', 'b')]":                                                                    `null`,
		"[startsWith('Abc', 'aB')]":                                                                                 `true`,
	} {
		got, err := evaluate(text)
		if err != nil || got != want {
			t.Errorf("%s: got %s, %v; want %s", text, got, err, want)
		}
	}
}

// TestNamesAreStable holds the names that deployments made of earlier ones: role
// assignments would be made twice otherwise.
func TestNamesAreStable(t *testing.T) {
	for text, want := range map[string]string{
		"[guid('/subscriptions/s/resourceGroups/g', 'x')]":    `"95db72d5-b0b4-5977-8286-fba5b597fc2c"`,
		"[uniqueString('/subscriptions/s/resourceGroups/g')]": `"f3fuhgqnetjzs"`,
	} {
		if got, err := evaluate(text); err != nil || got != want {
			t.Errorf("%s: %s %v, want %s", text, got, err, want)
		}
	}
}

func TestRefusals(t *testing.T) {
	for text, want := range map[string]string{
		"[concat(]":                  "expected a function or a value",
		"[parameters('x')]":          "the template parameter 'x' is not found",
		"[nothing()]":                "the template function 'nothing' is not valid or not supported",
		"[concat 'a']":               "expected ( after concat",
		"['a' 'b']":                  "unexpected \"b\"",
		"['a]":                       "the quote isn't closed",
		"[toLower(1)]":               "expects a string, not a number",
		"[toLower()]":                "was called with 0 parameters",
		"[div(1, 0)]":                "divides by zero",
		"[range(0, 1000000)]":        "the count must be between",
		"[parameters('list')[5]]":    "is out of bounds",
		"[parameters('tags').other]": "doesn't exist, available properties are 'Env'",
		"[parameters('name').x]":     "can't be evaluated on a string",
		"[format('{1}', 'a')]":       "'{1}' names no argument",
		"[substring('abc', 2, 5)]":   "must be inside the string",
		"[if('yes', 1, 2)]":          "expects a boolean",
		"[" + strings.Repeat("f(", 200) + strings.Repeat(")", 200) + "]": "nested deeper",
	} {
		_, err := evaluate(text)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60s: %v, want %q", text, err, want)
		}
	}
}

func FuzzEvaluate(f *testing.F) {
	for _, seed := range []string{
		"[concat('a', 1)]", "[parameters('tags').env]", "[if(true(), 'a', 'b')]", "[format('{0}', 1)]", "[json('{}')]", "[[x", "[a.b[0].?c]",
		"[union(createObject('a', 1), createObject())]", "[substring('hello', 1, -3)]", "[range(1, 2)[1]]", "[guid('a')]", "[div(-9223372036854775808, -1)]",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(_ *testing.T, text string) {
		_, _ = evaluate(text) // it must end and not panic
	})
}
