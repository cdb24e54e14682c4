package command

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lanyard-project/lanyard/internal/cli/grammar"
	"github.com/lanyard-project/lanyard/internal/cli/value"
)

// The parts of a resource ID that arguments come from.
const (
	PartGroup  = "resource_group"
	PartName   = "name"
	PartChild  = "child_name_1"
	PartChild2 = "child_name_2"
)

// takesIDs reports whether --ids can stand for the command's names: it has a name that
// an ID gives, and it isn't there to create what has no ID yet.
func (c *Command) takesIDs() bool {
	if strings.HasSuffix(c.Path, " create") {
		return false
	}
	for _, a := range c.Arguments {
		if a.IDPart == PartName {
			return true
		}
	}
	return false
}

// spread makes one set of values for each ID of --ids.
func (c *Command) spread(v *grammar.Values, warn func(string)) ([]*grammar.Values, error) {
	if !c.takesIDs() {
		return []*grammar.Values{v}, nil
	}
	if !v.Given("ids") {
		return []*grammar.Values{v}, c.namesOrIDs(v)
	}
	var sets []*grammar.Values
	for _, a := range c.Arguments {
		if a.IDPart != "" && v.Given(a.Key()) {
			warn(fmt.Sprintf("option '%s' will be ignored due to use of '--ids'.", a.Names[0]))
		}
	}
	for _, id := range resourceIDs(v.List("ids")) {
		parts, ok := idParts(id)
		if !ok {
			return nil, fmt.Errorf("invalid resource ID: %s", id)
		}
		set := v.Copy()
		set.Set("subscription", parts["subscription"])
		for _, a := range c.Arguments {
			if a.IDPart == "" {
				continue
			}
			part := parts[a.IDPart]
			if part == "" {
				return nil, fmt.Errorf("Argument %s cannot be derived from ID %s. Please provide a complete resource ID containing all information of 'Resource Id' arguments. ", a.Names[0], id) //nolint:staticcheck,revive // az's text
			}
			set.Set(a.Key(), part)
		}
		sets = append(sets, set)
	}
	return sets, nil
}

// namesOrIDs reports names that are missing when --ids isn't there either.
func (c *Command) namesOrIDs(v *grammar.Values) error {
	var missing []string
	for _, a := range c.Arguments {
		if a.IDPart != "" && a.Must && v.Get(a.Key()) == "" {
			missing = append(missing, a.Names[0])
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return fmt.Errorf("(%s | --ids) are required", strings.Join(missing, " "))
}

// resourceIDs takes IDs as they come out of other commands: one a line, or as JSON
// objects that have an "id".
func resourceIDs(words []string) []string {
	var ids []string
	if joined := strings.Join(words, ""); strings.HasPrefix(joined, "[") {
		words = []string{joined}
	}
	for _, word := range words {
		v, err := value.Decode([]byte(word))
		if err != nil {
			ids = append(ids, strings.Fields(word)...)
			continue
		}
		list, ok := v.([]any)
		if !ok {
			list = []any{v}
		}
		for _, element := range list {
			switch element := element.(type) {
			case *value.Object:
				ids = append(ids, element.String("id"))
			case string:
				ids = append(ids, element)
			}
		}
	}
	return ids
}

// IsResourceID reports whether a text has the form of a resource ID: words in pairs,
// below a subscription.
func IsResourceID(id string) bool {
	words := strings.Split(strings.Trim(id, "/"), "/")
	if _, ok := idParts(id); !ok || len(words)%2 != 0 {
		return false
	}
	return !slices.Contains(words, "")
}

// idParts takes a resource ID apart.
func idParts(id string) (map[string]string, bool) {
	words := strings.Split(strings.Trim(id, "/"), "/")
	if !strings.HasPrefix(id, "/") || len(words) < 2 || !strings.EqualFold(words[0], "subscriptions") {
		return nil, false
	}
	parts := map[string]string{"subscription": words[1]}
	words = words[2:]
	if len(words) >= 2 && strings.EqualFold(words[0], "resourceGroups") {
		parts[PartGroup] = words[1]
		words = words[2:]
	}
	if len(words) >= 4 && strings.EqualFold(words[0], "providers") {
		parts["namespace"], parts["type"], parts[PartName] = words[1], words[2], words[3]
		for i, n := 4, 1; i+1 < len(words); i, n = i+2, n+1 {
			parts[fmt.Sprintf("child_type_%d", n)], parts[fmt.Sprintf("child_name_%d", n)] = words[i], words[i+1]
		}
	}
	return parts, true
}
