package deployments

import (
	"errors"
	"fmt"
	"strings"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/providers/deployments/expression"
)

// resourceID is resourceId and its kin: optional scope arguments, a type, and as
// many names as the type has segments.
func (e *environment) resourceID(function string, a []any) (any, error) {
	texts := make([]string, len(a))
	at := -1
	for i := range a {
		var err error
		if texts[i], err = oneText(a, i); err != nil {
			return nil, err
		}
		if at < 0 && strings.Contains(texts[i], "/") && !strings.HasPrefix(texts[i], "/") {
			at = i
		}
	}
	if at < 0 {
		return nil, errors.New("misses the type of a resource")
	}
	scope, err := e.scopeOf(function, texts[:at])
	if err != nil {
		return nil, err
	}
	typ, names := texts[at], texts[at+1:]
	if strings.EqualFold(typ, armid.ResourceGroupType) && len(names) == 1 && scope.Is(armid.SubscriptionType) {
		return scope.Child("resourceGroups", names[0]).String(), nil
	}
	id, err := under(scope, typ, strings.Join(names, "/"))
	if err != nil {
		return nil, err
	}
	return id.String(), nil
}

func (e *environment) scopeOf(function string, given []string) (armid.ID, error) {
	subscription := e.id.Subscription()
	switch {
	case function == "tenantresourceid" && len(given) == 0:
		return armid.Root(), nil
	case function == "extensionresourceid" && len(given) == 1:
		return armid.Parse(given[0])
	case function == "subscriptionresourceid" && len(given) == 0:
		return armid.Subscription(subscription), nil
	case function == "subscriptionresourceid" && len(given) == 1:
		return armid.Subscription(given[0]), nil
	case function != "resourceid" || len(given) > 2:
		return armid.ID{}, errors.New("has a wrong number of parameters before the type")
	case len(given) == 2:
		return armid.ResourceGroup(given[0], given[1]), nil
	case len(given) == 1 && e.group != nil:
		return armid.ResourceGroup(subscription, given[0]), nil
	case len(given) == 1:
		return armid.Subscription(given[0]), nil
	}
	return e.scope(), nil
}

// under names a resource below a scope by a type of one or more segments and as
// many names. "A.B/c/providers/d" with "x/E.F/y" is the older way to write an
// extension y of type E.F/d on c x.
func under(scope armid.ID, typ, name string) (armid.ID, error) {
	if strings.EqualFold(typ, armid.ResourceGroupType) && scope.Is(armid.SubscriptionType) {
		return scope.Child("resourceGroups", name), nil
	}
	names := strings.Split(name, "/")
	if of, extension, ok := strings.Cut(typ, "/providers/"); ok {
		count := strings.Count(of, "/")
		if len(names) < count+2 {
			return armid.ID{}, fmt.Errorf("the name '%s' has fewer segments than the type '%s'", name, typ)
		}
		base, err := under(scope, of, strings.Join(names[:count], "/"))
		if err != nil {
			return base, err
		}
		return under(base, names[count]+"/"+extension, strings.Join(names[count+1:], "/"))
	}
	parts := strings.Split(typ, "/")
	if len(parts)-1 != len(names) {
		return armid.ID{}, fmt.Errorf("the name '%s' must have as many segments as the type '%s' has behind its namespace", name, typ)
	}
	text := strings.TrimSuffix(scope.String(), "/") + "/providers/" + parts[0]
	for i, n := range names {
		text += "/" + parts[i+1] + "/" + n
	}
	return armid.Parse(text)
}

// text evaluates an expression that must give a string.
func (e *environment) text(v any) (string, error) {
	value, err := expression.Walk(v, e)
	if err != nil {
		return "", err
	}
	s, ok := value.(string)
	if !ok {
		return "", fmt.Errorf("'%s' must be a string", expression.Text(value))
	}
	return s, nil
}
