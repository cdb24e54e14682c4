package pods

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
	"k8s.io/utils/clock"
)

const (
	callTimeout = 10 * time.Second
	// relist heals what an event that got lost would break
	relist    = 30 * time.Second
	reconnect = 500 * time.Millisecond
)

// Runtime follows the container runtime.
type Runtime struct {
	client    cri.RuntimeServiceClient
	links     Links
	network   Network
	byGroup   bool
	sandboxes *Sandboxes
	clock     clock.Clock
	log       *slog.Logger
	asked     chan struct{}
}

// Dial prepares a connection to the runtime's socket ("unix:///run/containerd/containerd.sock").
func Dial(socket string) (*grpc.ClientConn, error) {
	conn, err := grpc.NewClient(socket, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithNoProxy())
	if err != nil {
		return nil, fmt.Errorf("connecting to the container runtime: %w", err)
	}
	return conn, nil
}

// Attachment says how pods are connected, and whether all of them are proven by their cgroups (those in the node's network always
// are).
type Attachment struct {
	Network Network
	ByGroup bool
}

// NewRuntime follows the runtime behind a connection and keeps the sandboxes up to date.
func NewRuntime(conn grpc.ClientConnInterface, links Links, attached Attachment, sandboxes *Sandboxes, clk clock.Clock, log *slog.Logger) *Runtime {
	return &Runtime{
		client: cri.NewRuntimeServiceClient(conn), links: links, network: attached.Network, byGroup: attached.ByGroup, sandboxes: sandboxes, clock: clk, log: log,
		asked: make(chan struct{}, 1),
	}
}

// Refresh asks for a full reading soon, because somebody met a pod that isn't known.
func (r *Runtime) Refresh() {
	select {
	case r.asked <- struct{}{}:
	default: // one is on its way
	}
}

// Run follows the runtime until the context ends, reconnecting as often as it takes.
func (r *Runtime) Run(ctx context.Context) error {
	for {
		err := r.follow(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if status.Code(err) == codes.Unimplemented {
			return fmt.Errorf("the container runtime has no container events (containerd 1.7 or later has): %w", err)
		}
		r.log.Warn("following the container runtime failed, trying again", "error", err)
		select {
		case <-ctx.Done():
			return nil
		case <-r.clock.After(reconnect + rand.N(reconnect)): //nolint:gosec // jitter
		}
	}
}

// follow opens the stream of events first and then reads everything, so that no sandbox falls in between.
func (r *Runtime) follow(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := r.client.GetContainerEvents(ctx, &cri.GetEventsRequest{})
	if err != nil {
		return fmt.Errorf("opening the stream of events: %w", err)
	}
	events := make(chan *cri.ContainerEventResponse, 64)
	failed := make(chan error, 1)
	go func() { // ends with ctx
		for {
			event, err := stream.Recv()
			if err != nil {
				failed <- err
				return
			}
			select {
			case events <- event:
			case <-ctx.Done():
				return
			}
		}
	}()
	if err := r.readAll(ctx); err != nil {
		return err
	}
	// The server subscribes at some moment after the stream is open, so the first interval is short.
	timer := r.clock.NewTimer(time.Second)
	defer timer.Stop()
	for {
		select {
		case event := <-events:
			r.handle(ctx, event)
		case <-r.asked:
			if err := r.readAll(ctx); err != nil {
				return err
			}
		case <-timer.C():
			if err := r.readAll(ctx); err != nil {
				return err
			}
			timer.Reset(relist)
		case err := <-failed:
			if errors.Is(err, io.EOF) {
				return errors.New("the stream of events ended")
			}
			return fmt.Errorf("reading the stream of events: %w", err)
		}
	}
}

// handle acts on a sandbox's own events; those of containers say nothing about the network.
func (r *Runtime) handle(ctx context.Context, event *cri.ContainerEventResponse) {
	id := event.GetContainerId()
	switch event.GetContainerEventType() {
	case cri.ContainerEventType_CONTAINER_STARTED_EVENT:
		sandbox := event.GetPodSandboxStatus()
		if sandbox.GetId() == id && sandbox.GetState() == cri.PodSandboxState_SANDBOX_READY {
			r.read(ctx, id)
		}
	case cri.ContainerEventType_CONTAINER_STOPPED_EVENT, cri.ContainerEventType_CONTAINER_DELETED_EVENT:
		if r.sandboxes.remove(id) { // a container's ID is nobody's sandbox
			// Whoever has the address now might not come far enough to be met: answers may still go to the one who had it.
			r.Refresh()
		}
	case cri.ContainerEventType_CONTAINER_CREATED_EVENT:
	}
}

func (r *Runtime) readAll(ctx context.Context) error {
	call, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	list, err := r.client.ListPodSandbox(call, &cri.ListPodSandboxRequest{Filter: &cri.PodSandboxFilter{
		State: &cri.PodSandboxStateValue{State: cri.PodSandboxState_SANDBOX_READY},
	}})
	if err != nil {
		return fmt.Errorf("listing sandboxes: %w", err)
	}
	ids := make([]string, 0, len(list.GetItems()))
	for _, item := range list.GetItems() {
		ids = append(ids, item.GetId())
		if !r.sandboxes.has(item.GetId()) {
			r.read(ctx, item.GetId())
		}
	}
	r.sandboxes.keep(ids)
	return nil
}

// read enters one sandbox. A failure leaves the pod unknown, hence unproven, until the next full reading.
func (r *Runtime) read(ctx context.Context, id string) {
	call, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	answer, err := r.client.PodSandboxStatus(call, &cri.PodSandboxStatusRequest{PodSandboxId: id, Verbose: true})
	if err != nil {
		if status.Code(err) != codes.NotFound && ctx.Err() == nil {
			r.log.Warn("reading a sandbox failed", "sandbox", id, "error", err)
		}
		return
	}
	if answer.GetStatus().GetState() != cri.PodSandboxState_SANDBOX_READY {
		return
	}
	sandbox := describe(answer, r.links, r.network, r.byGroup)
	if sandbox.Unproven != "" {
		r.log.Warn("a pod can't be proven", "pod", sandbox.podName(), "reason", sandbox.Unproven)
	}
	r.sandboxes.add(sandbox)
}

// describe says what a sandbox is and what proves it; byGroup is for pods that are proven by where they connect.
func describe(answer *cri.PodSandboxStatusResponse, links Links, network Network, byGroup bool) Sandbox {
	s := answer.GetStatus()
	info := answer.GetInfo()["info"]
	sandbox := Sandbox{
		ID: s.GetId(), UID: s.GetMetadata().GetUid(),
		Namespace: s.GetMetadata().GetNamespace(), Name: s.GetMetadata().GetName(),
		HostNetwork: s.GetLinux().GetNamespaces().GetOptions().GetNetwork() == cri.NamespaceMode_NODE,
	}
	var groupErr, cableErr error
	if sandbox.HostNetwork || byGroup {
		sandbox.Cgroup, groupErr = readGroup(info)
	}
	if !sandbox.HostNetwork {
		address, err := netip.ParseAddr(s.GetNetwork().GetIp())
		sandbox.Address, cableErr = address.Unmap(), err
		if network != Other {
			var cable cable
			if cable, cableErr = readCable(info, s.GetNetwork().GetIp()); cableErr == nil {
				sandbox.Bindings, sandbox.Port, cableErr = cable.bindings(links, network)
			}
		}
	}
	if err := errors.Join(groupErr, cableErr); err != nil {
		sandbox.Unproven = err.Error()
	}
	return sandbox
}
