package shape

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"

	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/providers"
)

// Availability describes a type whose names are unique in the cloud.
type Availability struct {
	Space string
	// Action is the full name of the action that asks for a name.
	Action  string
	Pattern *regexp.Regexp
	// Rule and Taken are the texts for names that can't be had; Taken has a %s.
	Rule, Taken string
	// Bad answers a name that breaks the rule, for services with a code of their own.
	Bad func(name string) *rest.Error
}

// check answers checkNameAvailability.
func (a Availability) check(d Deps) providers.Action {
	return providers.Action{Name: "checkNameAvailability", OnProvider: true, Permission: a.Action, Run: func(ctx context.Context, r *providers.Request) (rest.Response, error) {
		var asked struct {
			Name string `json:"name"`
		}
		if err := json.Unmarshal(r.Body, &asked); err != nil || asked.Name == "" {
			return rest.Response{}, rest.InvalidRequestContent("The body must be an object with 'name' and 'type'")
		}
		answer := map[string]any{"nameAvailable": true}
		if !a.Pattern.MatchString(asked.Name) {
			why := asked.Name + ": " + a.Rule
			if a.Bad != nil {
				why = a.Bad(asked.Name).Message
			}
			return rest.OK(map[string]any{"nameAvailable": false, "reason": "AccountNameInvalid", "message": why}), nil
		}
		holder, err := d.Holder(ctx, a.Space, asked.Name)
		if err != nil {
			return rest.Response{}, err
		}
		if holder != "" {
			answer = map[string]any{"nameAvailable": false, "reason": "AlreadyExists", "message": fmt.Sprintf(a.Taken, asked.Name)}
		}
		return rest.OK(answer), nil
	}}
}

// Apply makes the names of a kind unique: it claims them, gives them back, and
// answers who asks.
func (a Availability) Apply(d Deps, k *Kind, taken func(name string) *rest.Error) {
	k.Type.NamePattern, k.Type.NameRule, k.Type.BadName = a.Pattern, a.Rule, a.Bad
	k.Type.Actions = append(k.Type.Actions, a.check(d))
	admit, remove := k.Admit, k.Remove
	k.Admit = func(ctx context.Context, doc *Document) error {
		if doc.Creating() {
			if err := d.Claim(ctx, doc.Request, a.Space, doc.ID.Name(), doc.ID, taken(doc.ID.Name())); err != nil {
				return err
			}
		}
		if admit == nil {
			return nil
		}
		return admit(ctx, doc)
	}
	k.Remove = func(ctx context.Context, doc *Document) error {
		d.Unclaim(doc.Request, a.Space, doc.ID.Name())
		if remove == nil {
			return nil
		}
		return remove(ctx, doc)
	}
}
