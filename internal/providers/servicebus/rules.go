package servicebus

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/providers"
	"github.com/lanyard-project/lanyard/internal/providers/shape"
)

func keyNames() []string { return []string{"primary", "secondary"} }

// rules are shared access keys with the rights that they give.
func (p *Provider) rules(of string) shape.Kind {
	name := of + "/authorizationRules"
	if of == "namespaces" {
		name = of + "/AuthorizationRules" // as its IDs are displayed
	}
	return shape.Kind{
		Type: providers.Type{
			Namespace: namespace, Name: name, APIVersions: apiVersions(), Levels: providers.AtGroup, HideState: true, HideSystem: true, MadeOK: true,
			NamePattern: regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]{0,48}[A-Za-z0-9])?$`),
			NameRule:    "The name may have 1 to 50 letters, digits, '.', '-' and '_', and must begin and end with a letter or digit.",
			Actions: []providers.Action{
				{Name: "listKeys", Run: func(_ context.Context, r *providers.Request) (rest.Response, error) { return p.keys(r.Old) }},
				{Name: "regenerateKeys", Run: p.regenerate},
			},
		},
		Rules: shape.Rules{
			Required: []string{"rights"}, Choices: map[string][]string{"rights[]": {"Listen", "Manage", "Send"}}, Check: checkRights,
		},
		Admit: func(_ context.Context, d *shape.Document) error {
			return p.cfg.Keys.Ensure(d.Request.Next, keySize, keyNames()...)
		},
	}
}

// checkRights wants the lesser rights with the greatest.
func checkRights(d *shape.Document) error {
	var rights []string
	for _, right := range d.Properties.List("rights") {
		text, _ := right.(string)
		rights = append(rights, text)
	}
	if len(rights) == 0 || slices.Contains(rights, "Manage") && (!slices.Contains(rights, "Listen") || !slices.Contains(rights, "Send")) {
		return rest.NewError(http.StatusBadRequest, "BadRequest", "The rights of an authorization rule must be some of Listen, Send and Manage, and Manage needs the other two.")
	}
	return nil
}

func (p *Provider) keys(rule *resource.Resource) (rest.Response, error) {
	answer := map[string]any{"keyName": rule.ID.Name()}
	endpoint := "sb://" + namespaceOf(rule.ID).Name() + "." + p.cfg.Suffix + "/"
	for _, name := range keyNames() {
		key, err := p.cfg.Keys.Reveal(rule, name)
		if err != nil {
			return rest.Response{}, err
		}
		connection := fmt.Sprintf("Endpoint=%s;SharedAccessKeyName=%s;SharedAccessKey=%s", endpoint, rule.ID.Name(), key.Reveal())
		if parent := rule.ID.Parent(); parent.Type() != namespace+"/namespaces" {
			connection += ";EntityPath=" + parent.Name()
		}
		answer[name+"Key"], answer[name+"ConnectionString"] = key.Reveal(), connection
	}
	return rest.OK(answer), nil
}

func (p *Provider) regenerate(_ context.Context, r *providers.Request) (rest.Response, error) {
	var asked struct {
		Type string `json:"keyType"`
	}
	name := ""
	if json.Unmarshal(r.Body, &asked) == nil {
		name = strings.ToLower(strings.TrimSuffix(asked.Type, "Key"))
	}
	if !slices.Contains(keyNames(), name) {
		return rest.Response{}, rest.InvalidRequestContent("The body must be an object with 'keyType', which is 'PrimaryKey' or 'SecondaryKey'")
	}
	r.Next = r.Old.Clone()
	if err := p.cfg.Keys.Renew(r.Next, keySize, name); err != nil {
		return rest.Response{}, err
	}
	return p.keys(r.Next)
}
