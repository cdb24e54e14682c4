package entra

import "strings"

const dotDefault = "/.default"

// ignored reports whether a scope is OpenID Connect's: MSAL adds them to every request.
func ignored(scope string) bool {
	switch strings.ToLower(scope) {
	case "openid", "offline_access", "profile", "email":
		return true
	}
	return false
}

// wanted is the resource that a request names: the parameter resource on the v1
// endpoint, the scope without /.default on v2. On the ADFS-style path clients use
// either.
func wanted(r Request) (string, *Error) {
	v1 := !r.V2 && (r.Resource != "" || r.Scope == "" || !strings.EqualFold(r.Tenant, adfs))
	if v1 {
		if r.Resource == "" {
			return "", parameterMissing("resource")
		}
		return r.Resource, nil
	}
	if r.Resource != "" {
		return "", resourceNotForV2()
	}
	return resourceOfScope(r.Scope)
}

func resourceOfScope(scope string) (string, *Error) {
	if scope == "" {
		return "", parameterMissing("scope")
	}
	var found string
	for _, one := range strings.Fields(scope) {
		if ignored(one) {
			continue
		}
		// Exactly one "/.default" goes: "https://management.azure.com//.default" asks
		// for the audience with a slash at its end.
		resource, ok := strings.CutSuffix(one, dotDefault)
		switch {
		case !ok:
			return "", scopeWithoutDefault(one)
		case resource == "":
			return "", scopeInvalid(one)
		case found != "" && found != resource:
			return "", scopeOfSeveral(scope)
		}
		found = resource
	}
	if found == "" {
		return "", scopeInvalid(scope)
	}
	return found, nil
}
