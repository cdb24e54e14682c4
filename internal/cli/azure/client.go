package azure

import (
	"bytes"
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/arm"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/streaming"

	"github.com/lanyard-project/lanyard/internal/cli/login"
	"github.com/lanyard-project/lanyard/internal/cli/value"
)

const module = "lanyard"

// Client speaks for one user to one cloud.
type Client struct {
	// Cloud is where the client speaks.
	Cloud *login.Cloud
	// Subscription is the subscription of the paths that Scope makes.
	Subscription string
	Tenant       string
	// Credential gives tokens for other services.
	Credential azcore.TokenCredential

	resources *arm.Client
	graph     runtime.Pipeline
}

// New makes a client. Nothing is asked yet.
func New(cloud *login.Cloud, tenant, subscription string, credential azcore.TokenCredential, transport *http.Client, version string) (*Client, error) {
	version, _, _ = strings.Cut(version, "+") // the SDK takes no build metadata
	options := policy.ClientOptions{Cloud: cloud.Configuration(), Transport: transport, Telemetry: policy.TelemetryOptions{ApplicationID: module}}
	resources, err := arm.NewClient(module, version, credential, &arm.ClientOptions{ClientOptions: options})
	if err != nil {
		return nil, err
	}
	bearer := runtime.NewBearerTokenPolicy(credential, []string{cloud.Graph() + "/.default"}, nil)
	return &Client{
		Cloud: cloud, Subscription: subscription, Tenant: tenant, Credential: credential, resources: resources,
		graph: runtime.NewPipeline(module, version, runtime.PipelineOptions{PerRetry: []policy.Policy{bearer}}, &options),
	}, nil
}

// Scope is the path of the client's subscription, with parts below it.
func (c *Client) Scope(parts ...string) string {
	path := "/subscriptions/" + c.Subscription
	for _, part := range parts {
		path += "/" + part
	}
	return path
}

// Group is the path of a resource group, with parts below it.
func (c *Client) Group(name string, parts ...string) string {
	return c.Scope(append([]string{"resourceGroups", Word(name)}, parts...)...)
}

// Word is a name as one word of a path, whatever somebody typed for it: a slash or a
// question mark must not make it a path to something else. Names that services allow
// stay as they are, since paths are compared with scopes.
func Word(name string) string {
	return strings.NewReplacer("%", "%25", "/", "%2F", "?", "%3F", "#", "%23").Replace(name)
}

// Answer is a service's answer.
type Answer struct {
	Status   int
	Header   http.Header
	Document any
	raw      *http.Response
}

// Object is the document as an object; an empty one when it is something else.
func (a *Answer) Object() *value.Object {
	if o, ok := a.Document.(*value.Object); ok && o != nil {
		return o
	}
	return value.NewObject()
}

// Do sends a request for a path (or, in lists, a full address) and reads the answer.
// An answer that isn't 2xx is an *Error.
func (c *Client) Do(ctx context.Context, method, path, apiVersion string, body any) (*Answer, error) {
	request, err := c.request(ctx, method, path, apiVersion, body)
	if err != nil {
		return nil, err
	}
	response, err := c.resources.Pipeline().Do(request) //nolint:bodyclose // read closes it
	if err != nil {
		return nil, err
	}
	return read(response)
}

func (c *Client) request(ctx context.Context, method, path, apiVersion string, body any) (*policy.Request, error) {
	address := path
	if strings.HasPrefix(path, "/") {
		address = c.resources.Endpoint() + escape(path)
	}
	request, err := runtime.NewRequest(ctx, method, address)
	if err != nil {
		return nil, err
	}
	if apiVersion != "" {
		query := request.Raw().URL.Query()
		query.Set("api-version", apiVersion)
		request.Raw().URL.RawQuery = query.Encode()
	}
	request.Raw().Header.Set("Accept", "application/json")
	return request, setBody(request, body)
}

func setBody(request *policy.Request, body any) error {
	if body == nil {
		return nil
	}
	data, err := value.Encode(body)
	if err != nil {
		return err
	}
	return request.SetBody(streaming.NopCloser(bytes.NewReader(data)), "application/json")
}

// escape percent-encodes what can't stand in a path. What Word has encoded stays so, and
// a query stays as it is.
func escape(path string) string {
	path, query, hasQuery := strings.Cut(path, "?")
	words := strings.Split(path, "/")
	for i, word := range words {
		if decoded, err := url.PathUnescape(word); err == nil {
			word = decoded
		}
		words[i] = (&url.URL{Path: word}).EscapedPath()
		words[i] = strings.ReplaceAll(words[i], "/", "%2F")
	}
	escaped := strings.Join(words, "/")
	if hasQuery {
		escaped += "?" + query
	}
	return escaped
}

func read(response *http.Response) (*Answer, error) {
	data, err := runtime.Payload(response)
	if err != nil {
		return nil, err
	}
	answer := &Answer{Status: response.StatusCode, Header: response.Header, raw: response}
	if len(bytes.TrimSpace(data)) > 0 {
		answer.Document, err = value.Decode(data)
	}
	if response.StatusCode >= http.StatusBadRequest {
		return nil, newError(response, answer.Document, data)
	}
	if err != nil {
		return nil, &Error{Status: response.StatusCode, Text: "the service answered with something that isn't JSON: " + firstLine(data)}
	}
	return answer, nil
}

func firstLine(data []byte) string {
	line, _, _ := bytes.Cut(bytes.TrimSpace(data), []byte("\n"))
	return string(line[:min(len(line), 200)])
}

// Get reads an object.
func (c *Client) Get(ctx context.Context, path, apiVersion string) (*value.Object, error) {
	answer, err := c.Do(ctx, http.MethodGet, path, apiVersion, nil)
	if err != nil {
		return nil, err
	}
	return answer.Object(), nil
}

// List reads all pages of a collection.
func (c *Client) List(ctx context.Context, path, apiVersion string, query ...string) ([]any, error) {
	if len(query) > 0 {
		values := url.Values{}
		for i := 0; i+1 < len(query); i += 2 {
			values.Set(query[i], query[i+1])
		}
		path += "?" + strings.ReplaceAll(values.Encode(), "+", "%20")
	}
	all := []any{}
	for path != "" {
		answer, err := c.Do(ctx, http.MethodGet, path, apiVersion, nil)
		if err != nil {
			return nil, err
		}
		all = append(all, answer.Object().List("value")...)
		// A next link is complete, and its words are the service's.
		path, apiVersion = answer.Object().String("nextLink"), ""
	}
	return all, nil
}

// pollEvery is how often an operation is asked for its state when the service doesn't
// say: Azure is spared, a cloud on this machine is quick.
func (c *Client) pollEvery() time.Duration {
	if c.Cloud.Known() {
		return 10 * time.Second
	}
	return time.Second
}
