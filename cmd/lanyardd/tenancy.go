package main

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/google/uuid"
	"github.com/spf13/pflag"

	"github.com/lanyard-project/lanyard/internal/directory"
)

// tenancy is what there should be beside the first tenant and its subscription.
type tenancy struct {
	tenants       []wantedTenant
	subscriptions []wantedSubscription
}

type wantedTenant struct{ domain, id string }

type wantedSubscription struct {
	name, id string
	tenant   string // domain or ID; empty is the first one
}

func (t *tenancy) flags(flags *pflag.FlagSet) {
	flags.Func("tenant", "further tenant, with an administrator of its own: DOMAIN or DOMAIN=ID, as contoso.local (repeatable); made at the start that names it first",
		func(text string) error {
			tenant, err := readTenant(text)
			t.tenants = append(t.tenants, tenant)
			return err
		})
	flags.Func("subscription", "further subscription, of the first tenant or of another: NAME, NAME=ID, NAME@TENANT or NAME=ID@TENANT (repeatable); its tenant's administrator becomes its Owner",
		func(text string) error {
			subscription, err := readSubscription(text)
			t.subscriptions = append(t.subscriptions, subscription)
			return err
		})
}

func readTenant(text string) (wantedTenant, error) {
	domain, id, named := strings.Cut(text, "=")
	t := wantedTenant{strings.ToLower(domain), id}
	if ok := regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+$`).MatchString(t.domain); !ok {
		return t, fmt.Errorf("%q isn't a domain such as contoso.local", domain)
	}
	return t, checkID(id, named)
}

func readSubscription(text string) (wantedSubscription, error) {
	text, tenant, elsewhere := strings.Cut(text, "@")
	name, id, named := strings.Cut(text, "=")
	s := wantedSubscription{strings.TrimSpace(name), id, tenant}
	if s.name == "" || len(s.name) > 64 {
		return s, fmt.Errorf("%q isn't a subscription's name of 1 to 64 characters", name)
	}
	if elsewhere && tenant == "" {
		return s, fmt.Errorf("behind @ stands the domain or ID of a tenant")
	}
	return s, checkID(id, named)
}

func checkID(id string, named bool) error {
	if named && (uuid.Validate(id) != nil || len(id) != len(uuid.Nil.String())) {
		return fmt.Errorf("%q is no GUID", id)
	}
	return nil
}

// tenantNames tells, by its ID, how a tenant is called and which domain it has.
func tenantNames(people *directory.Directory) func(id string) (name, domain string) {
	return func(id string) (string, string) {
		tenant, ok := people.Tenant(id)
		if !ok {
			return id, id
		}
		return tenant.DisplayName, tenant.Domain
	}
}
