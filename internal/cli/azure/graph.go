package azure

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"

	"github.com/lanyard-project/lanyard/internal/cli/value"
)

// GraphDo sends a request to Microsoft Graph.
func (c *Client) GraphDo(ctx context.Context, method, path string, body any) (*Answer, error) {
	address := path
	if strings.HasPrefix(path, "/") {
		address = c.Cloud.Graph() + "/v1.0" + path
	}
	request, err := runtime.NewRequest(ctx, method, address)
	if err != nil {
		return nil, err
	}
	if err := setBody(request, body); err != nil {
		return nil, err
	}
	response, err := c.graph.Do(request) //nolint:bodyclose // read closes it
	if err != nil {
		return nil, err
	}
	answer, err := read(response)
	if e, ok := err.(*Error); ok && e.Message != "" { //nolint:errorlint // it was made here
		e.Text = e.Message // az prints Graph's message alone
	}
	return answer, err
}

// GraphList reads all pages of a collection of Graph.
func (c *Client) GraphList(ctx context.Context, path, filter string) ([]any, error) {
	if filter != "" {
		path += "?$filter=" + strings.ReplaceAll(url.QueryEscape(filter), "+", "%20")
	}
	all := []any{}
	for path != "" {
		answer, err := c.GraphDo(ctx, http.MethodGet, path, nil)
		if err != nil {
			return nil, err
		}
		all = append(all, answer.Object().List("value")...)
		path = answer.Object().String("@odata.nextLink")
	}
	return all, nil
}

// Principal is somebody whom a role can be given to.
type Principal struct{ ID, Type, Name string }

// Principals looks principals up by their object IDs.
func (c *Client) Principals(ctx context.Context, ids []string) (map[string]Principal, error) {
	found := map[string]Principal{}
	for len(ids) > 0 {
		n := min(len(ids), 1000)
		answer, err := c.GraphDo(ctx, http.MethodPost, "/directoryObjects/getByIds", value.NewObject(
			"ids", value.Strings(ids[:n]), "types", value.Strings([]string{"user", "group", "servicePrincipal", "directoryObjectPartnerReference"})))
		if err != nil {
			return nil, err
		}
		for _, v := range answer.Object().List("value") {
			o, ok := v.(*value.Object)
			if !ok {
				continue
			}
			found[o.String("id")] = principalOf(o)
		}
		ids = ids[n:]
	}
	return found, nil
}

func principalOf(o *value.Object) Principal {
	kinds := map[string]string{"#microsoft.graph.user": "User", "#microsoft.graph.group": "Group", "#microsoft.graph.servicePrincipal": "ServicePrincipal"}
	p := Principal{ID: o.String("id"), Type: kinds[o.String("@odata.type")], Name: o.String("displayName")}
	switch p.Type {
	case "User":
		p.Name = o.String("userPrincipalName")
	case "ServicePrincipal":
		if names := o.List("servicePrincipalNames"); len(names) > 0 {
			p.Name, _ = names[0].(string)
		}
	}
	return p
}
