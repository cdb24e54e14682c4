package azure

import (
	"context"
	"net/http"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"

	"github.com/lanyard-project/lanyard/internal/cli/value"
)

// Operation is a long-running operation that was accepted.
type Operation struct {
	// Accepted is the answer to the request that began it.
	Accepted *Answer

	client *Client
	poller *runtime.Poller[document]
}

// document lets the SDK's poller decode into a value.
type document struct{ value any }

func (d *document) UnmarshalJSON(data []byte) (err error) {
	d.value, err = value.Decode(data)
	return err
}

// Begin sends a request that may start a long-running operation.
func (c *Client) Begin(ctx context.Context, method, path, apiVersion string, body any) (*Operation, error) {
	answer, err := c.Do(ctx, method, path, apiVersion, body)
	if err != nil {
		return nil, err
	}
	options := &runtime.NewPollerOptions[document]{}
	if method == http.MethodPost {
		options.FinalStateVia = runtime.FinalStateViaLocation
	}
	poller, err := runtime.NewPoller(answer.raw, c.resources.Pipeline(), options)
	if err != nil {
		return nil, err
	}
	return &Operation{Accepted: answer, client: c, poller: poller}, nil
}

// Wait returns the resource once the operation is done.
func (o *Operation) Wait(ctx context.Context) (any, error) {
	result, err := o.poller.PollUntilDone(ctx, &runtime.PollUntilDoneOptions{Frequency: o.client.pollEvery()})
	if err != nil {
		return nil, fromSDK(err)
	}
	return result.value, nil
}

// Run begins an operation and waits for its end.
func (c *Client) Run(ctx context.Context, method, path, apiVersion string, body any) (any, error) {
	operation, err := c.Begin(ctx, method, path, apiVersion, body)
	if err != nil {
		return nil, err
	}
	return operation.Wait(ctx)
}
