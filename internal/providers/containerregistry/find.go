package containerregistry

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
)

// Registry is what the registry service goes by.
type Registry struct {
	Resource    *resource.Resource
	ID          armid.ID
	Name        string
	LoginServer string
	// Life names this registry and no other, also not one that is made later under
	// the same name. It is good as a file's name.
	Life string

	AdminEnabled  bool
	AnonymousPull bool
	// ByRepository has roles decide for each repository (azure RBAC with conditions)
	// instead of the registry as a whole.
	ByRepository bool
	// RegistryTokensOnly refuses Entra tokens that are for the resource manager.
	RegistryTokensOnly bool
	// Public, DenyOthers and AllowedAddresses are the network rules.
	Public           bool
	DenyOthers       bool
	AllowedAddresses []netip.Prefix
}

// properties are what is read of a registry's document.
type properties struct {
	LoginServer   string    `json:"loginServer"`
	Created       time.Time `json:"creationDate"`
	Admin         bool      `json:"adminUserEnabled"`
	AnonymousPull bool      `json:"anonymousPullEnabled"`
	PublicAccess  string    `json:"publicNetworkAccess"`
	RoleMode      string    `json:"roleAssignmentMode"`
	Policies      struct {
		ARMTokens struct {
			Status string `json:"status"`
		} `json:"azureADAuthenticationAsArmPolicy"`
	} `json:"policies"`
	Network struct {
		Default string `json:"defaultAction"`
		Rules   []struct {
			Value string `json:"value"`
		} `json:"ipRules"`
	} `json:"networkRuleSet"`
}

// Find returns the registry of the name, which is the first label of its login
// server; nil when there is none.
func (p *Provider) Find(ctx context.Context, name string) (*Registry, error) {
	holder, err := p.cfg.Deps.Holder(ctx, nameSpace, name)
	if err != nil || holder == "" {
		return nil, err
	}
	id, err := armid.Parse(holder)
	if err != nil {
		return nil, fmt.Errorf("looking for registry %s: %w", name, err)
	}
	found, err := p.cfg.Deps.Resources.Get(ctx, id)
	var failure *rest.Error
	if errors.As(err, &failure) && failure.Status == http.StatusNotFound {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("looking for registry %s: %w", name, err)
	}
	return read(found)
}

// All returns every registry of the cloud.
func (p *Provider) All(ctx context.Context) ([]*Registry, error) {
	found, err := p.cfg.Deps.Resources.List(ctx, armid.ID{}, registryType)
	if err != nil {
		return nil, fmt.Errorf("listing registries: %w", err)
	}
	all := make([]*Registry, len(found))
	for i, document := range found {
		if all[i], err = read(document); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// LoginServerSuffix is what the names of login servers end in, with its dot.
func (p *Provider) LoginServerSuffix() string { return "." + p.cfg.Suffix }

func read(document *resource.Resource) (*Registry, error) {
	of, err := resource.Read[properties](document)
	if err != nil {
		return nil, fmt.Errorf("reading registry %s: %w", document.ID, err)
	}
	r := &Registry{
		Resource: document, ID: document.ID, Name: document.ID.Name(), LoginServer: of.LoginServer,
		Life:         strings.ToLower(document.ID.Name()) + "-" + of.Created.UTC().Format("20060102T150405.0000000"),
		AdminEnabled: of.Admin, AnonymousPull: of.AnonymousPull,
		ByRepository:       strings.EqualFold(of.RoleMode, "AbacRepositoryPermissions"),
		RegistryTokensOnly: strings.EqualFold(of.Policies.ARMTokens.Status, "disabled"),
		Public:             !strings.EqualFold(of.PublicAccess, "Disabled"),
		DenyOthers:         strings.EqualFold(of.Network.Default, "Deny"),
	}
	for _, rule := range of.Network.Rules {
		if prefix, err := netip.ParsePrefix(rule.Value); err == nil {
			r.AllowedAddresses = append(r.AllowedAddresses, prefix)
		} else if address, err := netip.ParseAddr(rule.Value); err == nil {
			r.AllowedAddresses = append(r.AllowedAddresses, netip.PrefixFrom(address, address.BitLen()))
		}
	}
	return r, nil
}
