package scaleset

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/arm"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/compute/armcompute/v7"
	"k8s.io/utils/clock"
)

const (
	getDeadline = time.Minute
	// patchDeadline covers the long-running operation. One that takes longer is
	// left to Azure; the next pass sees what became of it.
	patchDeadline = 10 * time.Minute
	firstPoll     = 100 * time.Millisecond
	slowestPoll   = 5 * time.Second
)

// ARM reads and changes the identities of scale sets with the Azure SDK.
type ARM struct {
	credential azcore.TokenCredential
	options    arm.ClientOptions
	clock      clock.Clock

	mu      sync.Mutex
	clients map[string]*armcompute.VirtualMachineScaleSetsClient // by subscription
}

// NewARM returns an ARM for the cloud that the options name. Retries of the SDK
// are turned off: the work queue has its own, which wait for one scale set
// without holding a worker.
func NewARM(credential azcore.TokenCredential, options arm.ClientOptions, c clock.Clock) *ARM {
	options.Retry = policy.RetryOptions{MaxRetries: -1}
	options.DisableRPRegistration = true
	return &ARM{
		credential: credential, options: options, clock: c,
		clients: map[string]*armcompute.VirtualMachineScaleSetsClient{},
	}
}

// Get returns the identities of a scale set.
func (a *ARM) Get(ctx context.Context, id ID) (State, error) {
	client, err := a.client(id)
	if err != nil {
		return State{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, getDeadline)
	defer cancel()
	resp, err := client.Get(ctx, id.ResourceGroup, id.Name, nil)
	if err != nil {
		return State{}, faultOf(err, a.clock.Now())
	}
	return stateOf(resp.VirtualMachineScaleSet), nil
}

// Patch makes changes to the identities of a scale set whose state is known,
// waits for them and returns the new state. It changes nothing else of it.
func (a *ARM) Patch(ctx context.Context, id ID, seen State, changes []Change) (State, error) {
	client, err := a.client(id)
	if err != nil {
		return State{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, patchDeadline)
	defer cancel()
	options := &armcompute.VirtualMachineScaleSetsClientBeginUpdateOptions{}
	if seen.ETag != "" {
		options.IfMatch = &seen.ETag
	}
	body := armcompute.VirtualMachineScaleSetUpdate{Identity: seen.patchBody(changes)}
	poller, err := client.BeginUpdate(ctx, id.ResourceGroup, id.Name, body, options)
	if err != nil {
		return State{}, faultOf(err, a.clock.Now())
	}
	result, err := a.wait(ctx, poller)
	if err != nil {
		return State{}, faultOf(err, a.clock.Now())
	}
	return stateOf(result.VirtualMachineScaleSet), nil
}

// wait polls an operation: soon at first, because most take less than a second
// and pods wait for them, then ever more slowly. The SDK's own loop never
// polls more often than once a second.
func (a *ARM) wait(ctx context.Context, poller *runtime.Poller[armcompute.VirtualMachineScaleSetsClientUpdateResponse]) (
	armcompute.VirtualMachineScaleSetsClientUpdateResponse, error,
) {
	pause := firstPoll
	for !poller.Done() {
		resp, err := poller.Poll(ctx) //nolint:bodyclose // the SDK has read the body and closed it
		if err != nil {
			return armcompute.VirtualMachineScaleSetsClientUpdateResponse{}, fmt.Errorf("polling the operation: %w", err)
		}
		if poller.Done() {
			break
		}
		select {
		case <-ctx.Done():
			return armcompute.VirtualMachineScaleSetsClientUpdateResponse{}, fmt.Errorf("waiting for the operation: %w", ctx.Err())
		case <-a.clock.After(max(pause, retryAfter(resp, a.clock.Now()))):
		}
		pause = min(2*pause, slowestPoll)
	}
	return poller.Result(ctx)
}

func (a *ARM) client(id ID) (*armcompute.VirtualMachineScaleSetsClient, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if c, ok := a.clients[id.Subscription]; ok {
		return c, nil
	}
	c, err := armcompute.NewVirtualMachineScaleSetsClient(id.Subscription, a.credential, &a.options)
	if err != nil {
		return nil, fmt.Errorf("making a client for subscription %s: %w", id.Subscription, err)
	}
	a.clients[id.Subscription] = c
	return c, nil
}
