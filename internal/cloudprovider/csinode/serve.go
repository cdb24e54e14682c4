package csinode

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	registration "k8s.io/kubelet/pkg/apis/pluginregistration/v1"
)

// Where the kubelet looks for plugins, and where this one serves.
const (
	socket         = "/var/lib/kubelet/plugins/" + Driver + "/csi.sock"
	registerSocket = "/var/lib/kubelet/plugins_registry/" + Driver + "-reg.sock"
)

// registrar tells the kubelet about the driver.
type registrar struct {
	registration.UnimplementedRegistrationServer
	log *slog.Logger
}

func (r registrar) GetInfo(context.Context, *registration.InfoRequest) (*registration.PluginInfo, error) {
	return &registration.PluginInfo{Type: registration.CSIPlugin, Name: Driver, Endpoint: socket, SupportedVersions: []string{"1.0.0"}}, nil
}

func (r registrar) NotifyRegistrationStatus(_ context.Context, s *registration.RegistrationStatus) (*registration.RegistrationStatusResponse, error) {
	if !s.GetPluginRegistered() {
		r.log.Error("the kubelet doesn't take the driver", "error", s.GetError())
	}
	return &registration.RegistrationStatusResponse{}, nil
}

// Serve serves the kubelet until the context ends.
func Serve(ctx context.Context, name string, log *slog.Logger) error {
	n := &node{name: name, dir: attachedDir}
	driver, register := grpc.NewServer(), grpc.NewServer()
	csi.RegisterIdentityServer(driver, n)
	csi.RegisterNodeServer(driver, n)
	registration.RegisterRegistrationServer(register, registrar{log: log})
	group, ctx := errgroup.WithContext(ctx)
	// The driver first: the kubelet calls it as soon as it sees the registration.
	for _, one := range []struct {
		server *grpc.Server
		path   string
	}{{driver, socket}, {register, registerSocket}} {
		listener, err := listen(ctx, one.path)
		if err != nil {
			return err
		}
		group.Go(func() error { return one.server.Serve(listener) })
	}
	group.Go(func() error {
		<-ctx.Done()
		driver.Stop()
		register.Stop()
		return ctx.Err()
	})
	return group.Wait()
}

func listen(ctx context.Context, path string) (net.Listener, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return nil, fmt.Errorf("making the folder of a socket: %w", err)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("removing a former socket: %w", err)
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "unix", path)
	if err != nil {
		return nil, fmt.Errorf("listening for the kubelet: %w", err)
	}
	return l, nil
}
