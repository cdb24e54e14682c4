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

// ARM reads and changes the identities of scale sets and machines with the
// Azure SDK.
type ARM struct {
	credential azcore.TokenCredential
	options    arm.ClientOptions
	clock      clock.Clock
	pace       pace

	mu      sync.Mutex
	clients map[string]clients // by subscription
}

type clients struct {
	sets     *armcompute.VirtualMachineScaleSetsClient
	machines *armcompute.VirtualMachinesClient
}

// NewARM returns an ARM for the cloud that the options name. Retries of the SDK
// are turned off: the work queue has its own, which wait for one scale set
// without holding a worker.
func NewARM(credential azcore.TokenCredential, options arm.ClientOptions, c clock.Clock) *ARM {
	options.Retry = policy.RetryOptions{MaxRetries: -1}
	options.DisableRPRegistration = true
	return &ARM{credential: credential, options: options, clock: c, clients: map[string]clients{}}
}

// Get returns the identities of a scale set or machine.
func (a *ARM) Get(ctx context.Context, id ID) (State, error) {
	ctx, cancel := context.WithTimeout(ctx, getDeadline)
	defer cancel()
	return a.call(id, false, func(c clients) (State, error) {
		if id.Machine {
			resp, err := c.machines.Get(ctx, id.ResourceGroup, id.Name, nil)
			return stateOfMachine(resp.VirtualMachine), err
		}
		resp, err := c.sets.Get(ctx, id.ResourceGroup, id.Name, nil)
		return stateOfSet(resp.VirtualMachineScaleSet), err
	})
}

// Patch makes changes to the identities of a scale set or machine whose state is
// known, waits for them and returns the new state. It changes nothing else of it.
func (a *ARM) Patch(ctx context.Context, id ID, seen State, changes []Change) (State, error) {
	ctx, cancel := context.WithTimeout(ctx, patchDeadline)
	defer cancel()
	kind, identities := seen.patchBody(changes)
	var match *string
	if seen.ETag != "" {
		match = &seen.ETag
	}
	return a.call(id, true, func(c clients) (State, error) {
		if id.Machine {
			body := armcompute.VirtualMachineUpdate{Identity: &armcompute.VirtualMachineIdentity{Type: &kind, UserAssignedIdentities: identities}}
			poller, err := c.machines.BeginUpdate(ctx, id.ResourceGroup, id.Name, body, &armcompute.VirtualMachinesClientBeginUpdateOptions{IfMatch: match})
			if err != nil {
				return State{}, err
			}
			result, err := wait(ctx, a.clock, poller)
			return stateOfMachine(result.VirtualMachine), err
		}
		body := armcompute.VirtualMachineScaleSetUpdate{Identity: &armcompute.VirtualMachineScaleSetIdentity{Type: &kind, UserAssignedIdentities: identities}}
		poller, err := c.sets.BeginUpdate(ctx, id.ResourceGroup, id.Name, body, &armcompute.VirtualMachineScaleSetsClientBeginUpdateOptions{IfMatch: match})
		if err != nil {
			return State{}, err
		}
		result, err := wait(ctx, a.clock, poller)
		return stateOfSet(result.VirtualMachineScaleSet), err
	})
}

// call makes one call, unless Azure has asked to wait with those of its class.
func (a *ARM) call(id ID, writes bool, do func(clients) (State, error)) (State, error) {
	c, err := a.client(id.Subscription)
	if err != nil {
		return State{}, err
	}
	of := class{id.Subscription, id.Machine, writes}
	if err := a.pace.hold(of, a.clock.Now()); err != nil {
		return State{}, err
	}
	state, err := do(c)
	if err != nil {
		now := a.clock.Now()
		fault := faultOf(err, now)
		a.pace.learn(of, fault, now)
		return State{}, fault
	}
	return state, nil
}

// wait polls an operation: soon at first, because most take less than a second
// and pods wait for them, then ever more slowly. The SDK's own loop never
// polls more often than once a second.
func wait[T any](ctx context.Context, c clock.Clock, poller *runtime.Poller[T]) (none T, err error) {
	pause := firstPoll
	for !poller.Done() {
		resp, err := poller.Poll(ctx) //nolint:bodyclose // the SDK has read the body and closed it
		if err != nil {
			return none, fmt.Errorf("polling the operation: %w", err)
		}
		if poller.Done() {
			break
		}
		select {
		case <-ctx.Done():
			return none, fmt.Errorf("waiting for the operation: %w", ctx.Err())
		case <-c.After(max(pause, retryAfter(resp, c.Now()))):
		}
		pause = min(2*pause, slowestPoll)
	}
	return poller.Result(ctx)
}

func (a *ARM) client(subscription string) (clients, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if c, ok := a.clients[subscription]; ok {
		return c, nil
	}
	factory, err := armcompute.NewClientFactory(subscription, a.credential, &a.options)
	if err != nil {
		return clients{}, fmt.Errorf("making a client for subscription %s: %w", subscription, err)
	}
	c := clients{sets: factory.NewVirtualMachineScaleSetsClient(), machines: factory.NewVirtualMachinesClient()}
	a.clients[subscription] = c
	return c, nil
}
