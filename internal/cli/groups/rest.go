package groups

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/lanyard-project/lanyard/internal/cli/azure"
	"github.com/lanyard-project/lanyard/internal/cli/command"
	"github.com/lanyard-project/lanyard/internal/cli/login"
	"github.com/lanyard-project/lanyard/internal/cli/value"
)

func restCommand() command.Table {
	return command.Table{Commands: []*command.Command{{
		Path: "rest", Summary: "Send any request, signed in.",
		Details: "A relative address goes to the Resource Manager; {subscriptionId} in it stands for the current subscription.",
		Arguments: []argument{
			arg("--url --uri -u", "Address.").Required(),
			arg("--method -m", "Method.").Choices("head", "get", "put", "post", "delete", "options", "patch").Or("get"),
			list("--headers", "Headers, name=value separated by spaces, or a JSON object."),
			list("--uri-parameters --url-parameters", "Query parameters, name=value separated by spaces, or a JSON object."),
			arg("--body -b", "Body, or @file."),
			flag("--skip-authorization-header", "Send no token."),
			arg("--resource", "Resource whose token is sent; found from the address when it is left out."),
			arg("--output-file", "File that the answer is written to."),
		},
		Examples: []command.Example{
			{Title: "Read a resource group.", Line: "lanyard rest --url /subscriptions/{subscriptionId}/resourceGroups/MyResourceGroup?api-version=2021-04-01"},
			{Title: "Ask Microsoft Graph.", Line: "lanyard rest --method get --url https://graph.microsoft.com/v1.0/servicePrincipals"},
		},
		Run: sendRaw,
	}}}
}

func sendRaw(ctx context.Context, c *command.Call) (any, error) {
	client, err := c.Client()
	if err != nil {
		return nil, err
	}
	address := strings.ReplaceAll(c.Get("url"), "{subscriptionId}", client.Subscription)
	if strings.HasPrefix(address, "/") {
		address = client.Cloud.ARM() + address
	}
	request, err := http.NewRequestWithContext(ctx, strings.ToUpper(c.Get("method")), address, strings.NewReader(c.Get("body")))
	if err != nil {
		return nil, err
	}
	if err := decorate(c, request); err != nil {
		return nil, err
	}
	if !c.On("skip-authorization-header") && request.Header.Get("Authorization") == "" {
		if err := authorize(ctx, c, client, request); err != nil {
			return nil, err
		}
	}
	transport, err := c.Transport(client.Cloud)
	if err != nil {
		return nil, err
	}
	response, err := transport.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	if response.StatusCode >= http.StatusBadRequest {
		reason := strings.TrimSpace(strings.TrimPrefix(response.Status, fmt.Sprint(response.StatusCode)))
		if reason == "" {
			reason = http.StatusText(response.StatusCode)
		}
		if len(data) > 0 {
			reason += "(" + string(data) + ")"
		}
		return nil, fmt.Errorf("%s", reason)
	}
	if file := c.Get("output-file"); file != "" {
		return nil, os.WriteFile(file, data, 0o600)
	}
	if len(bytes.TrimSpace(data)) == 0 {
		return nil, nil
	}
	v, err := value.Decode(data)
	if err != nil {
		c.Warn("Not a json response, outputting to stdout. For binary data suggest use \"--output-file\" to write to a file")
		_, err := c.Program.Out.Write(append(data, '\n'))
		return nil, err
	}
	return command.Verbatim{Document: v}, nil
}

// decorate adds the headers and query parameters of the command line.
func decorate(c *command.Call, request *http.Request) error {
	headers, err := nameValues(c.List("headers"))
	if err != nil {
		return err
	}
	for _, name := range headers.Keys() {
		request.Header.Set(name, headers.String(name))
	}
	if c.Get("body") != "" && request.Header.Get("Content-Type") == "" {
		request.Header.Set("Content-Type", "application/json")
	}
	parameters, err := nameValues(c.List("uri-parameters"))
	if err != nil {
		return err
	}
	query := request.URL.Query()
	for _, name := range parameters.Keys() {
		query.Set(name, parameters.String(name))
	}
	request.URL.RawQuery = query.Encode()
	return nil
}

func nameValues(words []string) (*value.Object, error) {
	all := value.NewObject()
	for _, word := range words {
		if strings.HasPrefix(strings.TrimSpace(word), "{") {
			v, err := value.Decode([]byte(word))
			o, ok := v.(*value.Object)
			if err != nil || !ok {
				return nil, command.Usage("%q is neither name=value nor a JSON object", word)
			}
			for _, key := range o.Keys() {
				all.Set(key, fmt.Sprint(o.At(key)))
			}
			continue
		}
		name, v, ok := strings.Cut(word, "=")
		if !ok {
			return nil, command.Usage("%q is neither name=value nor a JSON object", word)
		}
		all.Set(name, v)
	}
	return all, nil
}

// authorize adds a token when the address is one of the cloud's.
func authorize(ctx context.Context, c *command.Call, client *azure.Client, request *http.Request) error {
	resource := c.Get("resource")
	if resource == "" && strings.HasPrefix(request.URL.String(), strings.TrimSuffix(client.Cloud.ARM(), "/")+"/") {
		// A private cloud may have all its addresses on one host.
		resource = client.Cloud.Endpoint("activeDirectoryResourceId")
	}
	if resource == "" {
		for _, key := range client.Cloud.Endpoints.Keys() {
			if known, err := url.Parse(client.Cloud.Endpoint(key)); err == nil && known.Host != "" && known.Host == request.URL.Host {
				resource = client.Cloud.Endpoint(key)
				if key == "resourceManager" || key == "management" {
					resource = client.Cloud.Endpoint("activeDirectoryResourceId")
				}
				break
			}
		}
	}
	if client.Cloud.Graph() != "" && strings.HasPrefix(request.URL.Path, "/v1.0/") && c.Get("resource") == "" {
		resource = client.Cloud.Endpoint("microsoftGraphResourceId")
	}
	if resource == "" {
		c.Warn("Can't derive appropriate Azure AD resource from --url to acquire an access token. If access token is required, use --resource to specify the resource")
		return nil
	}
	token, err := client.Credential.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{resource + "/.default"}})
	if err != nil {
		return login.Explain(err)
	}
	request.Header.Set("Authorization", "Bearer "+token.Token)
	return nil
}
