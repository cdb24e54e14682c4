package features

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"k8s.io/utils/clock"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/providers"
	"github.com/lanyard-project/lanyard/internal/providers/registration"
	"github.com/lanyard-project/lanyard/internal/store"
)

const namespace = "Microsoft.Features"

// Config says what the provider works with.
type Config struct {
	Store     *store.Store
	Resources providers.Resources
	Clock     clock.Clock
	// Takes is how long a registration takes.
	Takes time.Duration
	// Previews makes former previews gate again what they gated.
	Previews bool
}

// Provider serves the types of Microsoft.Features. It is safe for concurrent use.
type Provider struct{ cfg Config }

// New returns the provider.
func New(cfg Config) *Provider { return &Provider{cfg: cfg} }

// Types returns the provider's resource types.
func (p *Provider) Types() []*providers.Type {
	return []*providers.Type{p.all(), p.namespaces(), p.features(), p.registrationsOf(), p.registrations(), p.allRegistrations()}
}

func apiVersions() []string { return []string{"2014-08-01-preview", "2015-12-01", "2021-07-01"} }

// Enabled reports whether a feature, named with its namespace, has effect in the
// subscription.
func (p *Provider) Enabled(ctx context.Context, subscription armid.ID, feature string) (bool, error) {
	missing, err := p.missing(ctx, subscription, feature)
	return missing == "" && err == nil, err
}

// Require fails with the *rest.Error that tells what is missing until a feature
// has effect in the subscription.
func (p *Provider) Require(ctx context.Context, subscription armid.ID, feature string) error {
	missing, err := p.missing(ctx, subscription, feature)
	if err != nil || missing == "" {
		return err
	}
	return rest.NewError(http.StatusBadRequest, "PreviewFeatureNotRegistered",
		fmt.Sprintf("Preview feature %s not registered. %s See https://aka.ms/aks/previews for more details.", feature, missing))
}

// missing says what is left to do until a feature has effect, or "".
func (p *Provider) missing(ctx context.Context, subscription armid.ID, feature string) (string, error) {
	space, name, _ := strings.Cut(feature, "/")
	f, ok := find(space, name)
	if !ok {
		return "", fmt.Errorf("asking for the unknown feature %s", feature)
	}
	if f.General && !p.cfg.Previews {
		return "", nil
	}
	record, err := p.record(ctx, subscription, f)
	if err != nil {
		return "", err
	}
	if state := record.At(p.cfg.Clock.Now(), p.cfg.Takes, registration.NotRegistered); state != registration.Registered {
		return fmt.Sprintf("Its state is %s. Run 'az feature register --namespace %s --name %s', and when 'az feature show' says Registered 'az provider register --namespace %s'.",
			state, f.Namespace, f.Name, f.Namespace), nil
	}
	stored, err := p.cfg.Resources.Get(ctx, subscription.Provider(f.Namespace))
	if err != nil && !rest.IsNotFound(err) {
		return "", err
	}
	var provider registration.Record
	if stored != nil {
		if provider, err = resource.ReadInternal[registration.Record](stored); err != nil {
			return "", err
		}
	}
	if provider.Renewed.Before(record.Since) {
		return fmt.Sprintf("The feature is Registered, but its provider doesn't know: run 'az provider register --namespace %s'.", f.Namespace), nil
	}
	return "", nil
}

func key(subscription armid.ID, f Feature) string {
	return "/lanyard/features/" + strings.ToLower(subscription.Name()+"/"+f.fullName())
}

// record reads what was asked for.
func (p *Provider) record(ctx context.Context, subscription armid.ID, f Feature) (registration.Record, error) {
	var r registration.Record
	item, err := p.cfg.Store.Get(ctx, key(subscription, f))
	switch {
	case errors.Is(err, store.ErrNotFound):
		return r, nil
	case err != nil:
		return r, fmt.Errorf("reading feature %s: %w", f.fullName(), err)
	}
	if err := json.Unmarshal(item.Value, &r); err != nil {
		return r, fmt.Errorf("reading feature %s: %w", f.fullName(), err)
	}
	return r, nil
}

// change is the write that registers or unregisters a feature, and the state
// that it then has.
func (p *Provider) change(ctx context.Context, subscription armid.ID, f Feature, register bool, now time.Time) (store.Op, string, error) {
	r, err := p.record(ctx, subscription, f)
	if err != nil {
		return store.Op{}, "", err
	}
	if register {
		r = r.Register(now, p.cfg.Takes, registration.NotRegistered)
	} else {
		r = r.Unregister(now, p.cfg.Takes, registration.NotRegistered)
	}
	raw, err := json.Marshal(r)
	if err != nil {
		return store.Op{}, "", fmt.Errorf("writing feature %s: %w", f.fullName(), err)
	}
	return store.Put(key(subscription, f), raw), r.At(now, p.cfg.Takes, registration.NotRegistered), nil
}

func (p *Provider) state(ctx context.Context, subscription armid.ID, f Feature) (string, error) {
	r, err := p.record(ctx, subscription, f)
	return r.At(p.cfg.Clock.Now(), p.cfg.Takes, registration.NotRegistered), err
}

func notFound(name string) *rest.Error {
	return rest.NewError(http.StatusNotFound, "FeatureNotFound", fmt.Sprintf("The feature '%s' could not be found.", name))
}
