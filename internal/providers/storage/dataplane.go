package storage

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"time"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/providers"
)

// Account finds the account of a name, for the service that holds its data; nil
// when there is none.
func (p *Provider) Account(ctx context.Context, name string) (*resource.Resource, error) {
	holder, err := p.cfg.Deps.Holder(ctx, "storage", name)
	if err != nil || holder == "" {
		return nil, err
	}
	id, err := armid.Parse(holder)
	if err != nil {
		return nil, fmt.Errorf("finding storage account %s: %w", name, err)
	}
	account, err := p.cfg.Deps.Resources.Get(ctx, id)
	if rest.IsNotFound(err) {
		return nil, nil
	}
	return account, err
}

// MakeContainer makes a container as the data plane does, where ARM sees it too.
func (p *Provider) MakeContainer(ctx context.Context, by providers.Caller, account armid.ID, name string) (*resource.Resource, error) {
	kind := services()[0]
	if !regexp.MustCompile(kind.pattern).MatchString(name) {
		return nil, rest.NewError(http.StatusBadRequest, "InvalidResourceName", "The specified resource name contains invalid characters. "+kind.rule)
	}
	id := account.Child(kind.name, "default").Child(kind.in, name)
	_, err := p.cfg.Deps.Resources.Get(ctx, id)
	if err == nil {
		return nil, rest.NewError(http.StatusConflict, "ContainerAlreadyExists", "The specified container already exists.")
	}
	if !rest.IsNotFound(err) {
		return nil, err
	}
	next := &resource.Resource{ID: id, Properties: json.RawMessage(kind.defaults)}
	if err := next.Set("lastModifiedTime", time.Now().UTC().Format(timeFormat)); err != nil {
		return nil, err
	}
	return p.cfg.Deps.Resources.Create(ctx, by, next, nil)
}
