package lab_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"path/filepath"
	"sync"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// fakeRuntime plays containerd's CRI as far as the agent asks it.
type fakeRuntime struct {
	cri.UnimplementedRuntimeServiceServer
	socket string

	mu      sync.Mutex
	pods    map[string]*pod
	streams map[chan *cri.ContainerEventResponse]bool
}

func newRuntime(t testing.TB, folder string) *fakeRuntime {
	f := &fakeRuntime{
		socket: filepath.Join(folder, "cri.sock"), pods: map[string]*pod{}, streams: map[chan *cri.ContainerEventResponse]bool{},
	}
	listener, err := net.Listen("unix", f.socket)
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	cri.RegisterRuntimeServiceServer(server, f)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	return f
}

func (f *fakeRuntime) start(p *pod) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.pods[p.sandbox] = p
	f.send(p, cri.ContainerEventType_CONTAINER_STARTED_EVENT)
}

func (f *fakeRuntime) stop(p *pod) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.pods, p.sandbox)
	f.send(p, cri.ContainerEventType_CONTAINER_STOPPED_EVENT)
}

// restart forgets every stream, as a restarted runtime does.
func (f *fakeRuntime) restart() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for stream := range f.streams {
		close(stream)
		delete(f.streams, stream)
	}
}

func (f *fakeRuntime) send(p *pod, kind cri.ContainerEventType) {
	for stream := range f.streams {
		stream <- &cri.ContainerEventResponse{ContainerId: p.sandbox, ContainerEventType: kind, PodSandboxStatus: f.status(p)}
	}
}

func (f *fakeRuntime) status(p *pod) *cri.PodSandboxStatus {
	state := cri.PodSandboxState_SANDBOX_NOTREADY
	if f.pods[p.sandbox] != nil {
		state = cri.PodSandboxState_SANDBOX_READY
	}
	network, address := cri.NamespaceMode_POD, p.address.String()
	if p.inHost {
		network, address = cri.NamespaceMode_NODE, ""
	}
	return &cri.PodSandboxStatus{
		Id: p.sandbox, State: state, Metadata: &cri.PodSandboxMetadata{Name: p.name, Namespace: "my-app", Uid: p.uid},
		Network: &cri.PodSandboxNetworkStatus{Ip: address},
		Linux:   &cri.LinuxPodSandboxStatus{Namespaces: &cri.Namespace{Options: &cri.NamespaceOption{Network: network}}},
	}
}

func (f *fakeRuntime) ListPodSandbox(context.Context, *cri.ListPodSandboxRequest) (*cri.ListPodSandboxResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	list := &cri.ListPodSandboxResponse{}
	for id := range f.pods {
		list.Items = append(list.Items, &cri.PodSandbox{Id: id, State: cri.PodSandboxState_SANDBOX_READY})
	}
	return list, nil
}

func (f *fakeRuntime) PodSandboxStatus(_ context.Context, r *cri.PodSandboxStatusRequest) (*cri.PodSandboxStatusResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p := f.pods[r.GetPodSandboxId()]
	if p == nil {
		return nil, status.Error(codes.NotFound, "no such sandbox")
	}
	answer := &cri.PodSandboxStatusResponse{Status: f.status(p)}
	if r.GetVerbose() {
		answer.Info = map[string]string{"info": record(p)}
	}
	return answer, nil
}

// record is the part of containerd's verbose status that tells of the network.
func record(p *pod) string {
	if p.inHost {
		return fmt.Sprintf(`{"pid":1,"config":{"linux":{"cgroup_parent":%q}}}`, p.cgroup)
	}
	type config struct {
		IPConfigs []map[string]string
		Mac       string
		Sandbox   string
	}
	hardware := p.own
	if hardware == "" {
		hardware = "02:00:00:00:00:01"
	}
	interfaces := map[string]config{
		"lo":   {IPConfigs: []map[string]string{{"IP": "127.0.0.1", "Gateway": ""}}, Mac: "00:00:00:00:00:00", Sandbox: "/run/netns/x"},
		"eth0": {IPConfigs: []map[string]string{{"IP": p.address.String(), "Gateway": gatewayIP}}, Mac: hardware, Sandbox: "/run/netns/x"},
		p.host: {Mac: p.hardware},
	}
	if p.world.bridge != "" {
		interfaces[p.world.bridge] = config{Mac: "02:00:00:00:00:ff"}
	}
	info, err := json.Marshal(map[string]any{
		"pid": 1, "cniResult": map[string]any{"Interfaces": interfaces}, "config": map[string]any{"linux": map[string]any{"cgroup_parent": p.cgroup}},
	})
	if err != nil {
		panic(err)
	}
	return string(info)
}

func (f *fakeRuntime) GetContainerEvents(_ *cri.GetEventsRequest, server grpc.ServerStreamingServer[cri.ContainerEventResponse]) error {
	stream := make(chan *cri.ContainerEventResponse, 1000)
	f.mu.Lock()
	f.streams[stream] = true
	f.mu.Unlock()
	defer func() {
		f.mu.Lock()
		delete(f.streams, stream)
		f.mu.Unlock()
	}()
	for {
		select {
		case event, ok := <-stream:
			if !ok {
				return status.Error(codes.Unavailable, "going away")
			}
			if err := server.Send(event); err != nil {
				return err
			}
		case <-server.Context().Done():
			return nil
		}
	}
}
