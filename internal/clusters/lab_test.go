package clusters_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/lanyard-project/lanyard/internal/clusters"
	"github.com/lanyard-project/lanyard/internal/clusters/images"
	"github.com/lanyard-project/lanyard/internal/secret"
	"github.com/lanyard-project/lanyard/internal/store/etcdserver"
)

const (
	pauseImage = "mcr.microsoft.com/oss/kubernetes/pause:3.6"
	probeImage = "registry.example/probe:1"
)

// lab is a machine's worth of clusters: an etcd, an engine, image archives.
type lab struct {
	t      *testing.T
	data   string
	run    string
	kube   string
	etcd   *etcdserver.Server
	images []string
	engine *clusters.Engine
}

func newLab(t *testing.T) *lab {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("clusters need root: run the tests with sudo")
	}
	kube, err := filepath.Abs("../../build/kube")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(kube, "kube")); err != nil {
		t.Fatal("build/kube is missing: build the Kubernetes programs with make kube")
	}
	l := &lab{t: t, data: filepath.Join(t.TempDir(), "data"), kube: kube}
	l.run = fmt.Sprintf("/run/lanyard-test-%d", os.Getpid())
	l.engine = l.newEngine()
	l.startEtcd()
	l.images = []string{
		l.pack(pauseImage, filepath.Join(kube, "pause")),
		l.pack(probeImage, l.buildProbe()),
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), patience)
		defer cancel()
		if t.Failed() {
			l.dumpLogs()
		}
		if err := l.engine.Teardown(ctx); err != nil {
			t.Error("tearing down:", err)
		}
	})
	return l
}

// newEngine is an engine as another process would make it.
func (l *lab) newEngine() *clusters.Engine {
	l.t.Helper()
	e, err := clusters.New(clusters.Options{
		DataDir: l.data, RunDir: l.run, KubeDir: l.kube,
		Log: slog.New(slog.NewTextHandler(l.t.Output(), nil)),
	})
	if err != nil {
		l.t.Fatal(err)
	}
	return e
}

// startEtcd starts the project's own etcd, with TLS and a user for each cluster.
func (l *lab) startEtcd() {
	l.t.Helper()
	dir, err := os.MkdirTemp("", "etcd")
	if err != nil {
		l.t.Fatal(err)
	}
	o := etcdserver.Options{
		DataDir: filepath.Join(dir, "data"), RunDir: filepath.Join(dir, "run"), Executable: os.Args[0], Log: slog.New(slog.DiscardHandler),
	}
	l.t.Cleanup(func() {
		err := etcdserver.StopRunning(context.WithoutCancel(l.t.Context()), o.DataDir, o.RunDir)
		if err := errors.Join(err, os.RemoveAll(dir)); err != nil {
			l.t.Error(err)
		}
	})
	if l.etcd, err = etcdserver.Start(l.t.Context(), o); err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() { l.etcd.Close() })
}

// etcdFor makes a user for the cluster.
func (l *lab) etcdFor(clusterID string) clusters.Etcd {
	l.t.Helper()
	prefix := "/clusters/" + clusterID + "/"
	c, err := l.etcd.EnsureUser(l.t.Context(), clusterID, prefix)
	if err != nil {
		l.t.Fatal(err)
	}
	var pems [3][]byte
	for i, path := range []string{c.CAFile, c.CertFile, c.KeyFile} {
		if pems[i], err = os.ReadFile(path); err != nil {
			l.t.Fatal(err)
		}
	}
	return clusters.Etcd{Endpoints: c.Endpoints, CA: pems[0], Cert: pems[1], Key: secret.New(string(pems[2])), Prefix: strings.TrimSuffix(prefix, "/")}
}

func (l *lab) buildProbe() string {
	l.t.Helper()
	out := filepath.Join(l.t.TempDir(), "probe")
	cmd := exec.Command("go", "build", "-o", out, "./testdata/probe")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if b, err := cmd.CombinedOutput(); err != nil {
		l.t.Fatalf("building probe: %v\n%s", err, b)
	}
	return out
}

// pack makes an image archive with one program.
func (l *lab) pack(ref, program string) string {
	l.t.Helper()
	out := filepath.Join(l.t.TempDir(), "image.tar")
	if _, err := images.PackFile(out, images.Program(ref, program)); err != nil {
		l.t.Fatal(err)
	}
	return out
}

// timed runs a step that has to succeed and says how long it took.
func (l *lab) timed(step string, do func() error) {
	l.t.Helper()
	start := time.Now()
	if err := do(); err != nil {
		l.t.Fatalf("%s: %v", step, err)
	}
	l.t.Logf("%s: %v", step, time.Since(start).Round(time.Millisecond))
}

// listen serves every path inside the VNet with the caller's address, until
// the test ends or the returned function is called.
func (l *lab) listen(ctx context.Context, vnetID, address string) func() {
	l.t.Helper()
	listener, err := l.engine.Listen(ctx, vnetID, "tcp4", address)
	if err != nil {
		l.t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, _ := net.SplitHostPort(r.RemoteAddr)
		fmt.Fprint(w, host)
	})}
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(listener) }()
	end := func() { server.Close(); <-done }
	l.t.Cleanup(end)
	return end
}

// relay is a client that goes through the machine's loopback interface.
type relay struct {
	config *rest.Config
	client *kubernetes.Clientset
}

// relay serves the cluster's API server on a loopback port.
func (l *lab) relay(ctx context.Context, clusterID string) relay {
	l.t.Helper()
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		l.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- l.engine.RelayAPIServer(ctx, clusterID, listener) }()
	l.t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			l.t.Error(err)
		}
	})
	kubeconfig, err := l.engine.UserKubeconfig(ctx, clusterID, "https://"+listener.Addr().String())
	if err != nil {
		l.t.Fatal(err)
	}
	config, err := clientcmd.RESTConfigFromKubeConfig(kubeconfig)
	if err != nil {
		l.t.Fatal(err)
	}
	set, err := kubernetes.NewForConfig(config)
	if err != nil {
		l.t.Fatal(err)
	}
	return relay{config: config, client: set}
}

func (l *lab) controlPlane(id, vnetID string) clusters.ControlPlane {
	return clusters.ControlPlane{
		ID: id, VNetID: vnetID, Name: "shop", ResourceGroup: "rg",
		ServiceCIDR: netip.MustParsePrefix("10.0.0.0/16"), DNSIP: netip.MustParseAddr("10.0.0.10"),
		KubernetesVersion:    "1.34",
		Etcd:                 l.etcdFor(id),
		ServiceAccountIssuer: "https://localhost:8443/oidc/" + id + "/",
	}
}

func (l *lab) node(clusterID string, index byte) clusters.Node {
	return clusters.Node{
		ClusterID: clusterID,
		Name:      fmt.Sprintf("aks-nodepool1-12345678-vmss00000%d", index),
		Address:   netip.AddrFrom4([4]byte{10, 224, 0, 4 + index}), Gateway: netip.MustParseAddr("10.224.0.1"),
		PodAddresses: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 224, 0, 32 + 32*index}), 27),
		ProviderID:   fmt.Sprintf("azure:///subscriptions/s/resourceGroups/mc/providers/Microsoft.Compute/virtualMachineScaleSets/aks-nodepool1-12345678-vmss/virtualMachines/%d", index),
		Labels: map[string]string{
			"agentpool": "nodepool1", "kubernetes.azure.com/cluster": "mc_rg_shop_eastus", "kubernetes.io/role": "agent",
			"node.kubernetes.io/instance-type": "Standard_DS2_v2",
		},
		MaxPods: 30, AzureJSON: []byte(`{"cloud":"AzurePublicCloud"}`), CACertificates: []byte("trusted\n"),
		Images: l.images, PauseImage: pauseImage,
	}
}

// dumpLogs prints the ends of all logs.
func (l *lab) dumpLogs() {
	for _, pattern := range []string{"clusters/*/control-plane/var/log/*.log", "clusters/*/nodes/*/*.log", "clusters/*/*.log", "clusters/*/nodes/*/disk/var/log/lanyard/*.log"} {
		paths, _ := filepath.Glob(filepath.Join(l.data, pattern))
		for _, p := range paths {
			b, err := os.ReadFile(p)
			if err != nil {
				continue
			}
			b = b[max(0, len(b)-2500):]
			l.t.Logf("== %s\n%s", p, b)
		}
	}
}
