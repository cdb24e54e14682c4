package main

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	aadpodid "github.com/lanyard-project/lanyard/api/v1"
	"github.com/lanyard-project/lanyard/internal/cluster/armtest"
	"github.com/lanyard-project/lanyard/internal/loopback/loopbacktest"
)

const (
	setID      = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachineScaleSets/pool"
	identityID = "/subscriptions/s/resourcegroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/web"
)

// TestProgram runs the program itself, as a child, with everything it reads
// from a node: cloud config, certificate authorities, instance metadata that
// isn't there yet at first, and a real API server. All of it is in a network
// namespace of the test's own, in which the metadata address is on the loopback
// interface and nothing leads outside: mic always asks that address, and on
// the machine's own network somebody real may answer.
func TestProgram(t *testing.T) {
	if os.Getenv(insideVariable) == "" {
		inOwnNetwork(t)
		return
	}
	metadataOnLoopback(t)
	kubeconfig, kube := apiServer(t)
	arm := armtest.New(t)
	arm.AddScaleSet(setID, 1)
	arm.SetIdentity(identityID, &armtest.Identity{ClientID: "client-of-web"})
	metadata := &metadataService{}
	serve(t, metadata)

	folder := t.TempDir()
	write := func(name string, content []byte) string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	config, err := json.Marshal(map[string]any{
		"cloud": "AzurePublicCloud", "useManagedIdentityExtension": true, "userAssignedIdentityID": "kubelet-client-id",
		"resourceManagerEndpoint": arm.URL() + "/",
	})
	if err != nil {
		t.Fatal(err)
	}
	probes, metrics := freePort(t), freePort(t)
	log := start(t, []string{
		"SSL_CERT_FILE=" + write("ca.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: arm.Certificate().Raw})),
	},
		"--kubeconfig="+write("kubeconfig", kubeconfig), "--cloudconfig="+write("azure.json", config),
		"--http-probe-port="+probes, "--prometheus-port="+metrics, "--update-user-msi-retry-interval=100ms")

	objects(t, kube)
	var a aadpodid.AzureAssignedIdentity
	until(t, log, func() error {
		err := kube.Get(t.Context(), client.ObjectKey{Namespace: "default", Name: "demo-default-web"}, &a)
		if err == nil && a.Status.Status != "Assigned" {
			err = fmt.Errorf("state is %q", a.Status.Status)
		}
		return err
	})
	if got := metadata.clientID(); got != "kubelet-client-id" {
		t.Errorf("mic signed in as %q", got)
	}
	until(t, log, func() error { return contains(t, "http://127.0.0.1:"+probes+"/healthz", "Active") })
	until(t, log, func() error {
		return contains(t, "http://127.0.0.1:"+metrics+"/metrics", "mic_assign_lag_seconds_count 1")
	})
}

const (
	insideVariable  = "LANYARD_TEST_OWN_NETWORK"
	metadataAddress = "169.254.169.254"
)

// inOwnNetwork runs this very test again in a new network namespace, which ends
// with the process.
func inOwnNetwork(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("this test makes a network namespace: run it as root")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, "-test.run=^TestProgram$", "-test.v")
	cmd.Env = append(os.Environ(), insideVariable+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("in a network of its own: %v\n%s", err, out)
	}
}

// metadataOnLoopback puts the metadata address on lo, after making sure that
// there is no other interface.
func metadataOnLoopback(t *testing.T) {
	t.Helper()
	links, err := netlink.LinkList()
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range links {
		if l.Attrs().Name != "lo" && l.Attrs().Flags&net.FlagUp != 0 {
			t.Fatalf("interface %s is up: this isn't a network namespace of the test's own", l.Attrs().Name)
		}
	}
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		t.Fatal(err)
	}
	if err := netlink.LinkSetUp(lo); err != nil {
		t.Fatal(err)
	}
	// kube-apiserver insists on a default route and a source address on it; this
	// one leads back to the loopback interface.
	for _, address := range []string{metadataAddress, "192.0.2.1"} {
		if err := netlink.AddrAdd(lo, &netlink.Addr{IPNet: netlink.NewIPNet(net.ParseIP(address))}); err != nil {
			t.Fatal(err)
		}
	}
	if err := netlink.RouteAdd(&netlink.Route{LinkIndex: lo.Attrs().Index, Src: net.ParseIP("192.0.2.1")}); err != nil {
		t.Fatal(err)
	}
}

// serve answers at the metadata address.
func serve(t *testing.T, h http.Handler) {
	t.Helper()
	var listen net.ListenConfig
	l, err := listen.Listen(t.Context(), "tcp", metadataAddress+":80")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: h, ReadHeaderTimeout: time.Second}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(l)
	}()
	t.Cleanup(func() {
		_ = server.Close()
		<-done
	})
}

// start runs this test binary as mic; see TestMain.
func start(t *testing.T, env []string, args ...string) *bytes.Buffer {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), self, args...)
	cmd.Env = append(append(os.Environ(), "LANYARD_TEST_RUN_MIC=1"), env...)
	log := &bytes.Buffer{}
	cmd.Stderr = log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Errorf("stopping mic: %v", err)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("mic ended with %v:\n%s", err, log)
		}
		if strings.Contains(log.String(), "fake") {
			t.Errorf("the log has the token:\n%s", log)
		}
	})
	return log
}

func TestMain(m *testing.M) {
	if os.Getenv("LANYARD_TEST_RUN_MIC") != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

func apiServer(t *testing.T) (kubeconfig []byte, kube client.Client) {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	assets := filepath.Join(root, "build", "kube")
	if _, err := os.Stat(filepath.Join(assets, "kube-apiserver")); err != nil {
		t.Fatal("this test needs a real kube-apiserver in build/kube: run make kube")
	}
	environment := &envtest.Environment{
		BinaryAssetsDirectory: assets, CRDDirectoryPaths: []string{filepath.Join(root, "config", "crd")}, ErrorIfCRDPathMissing: true,
		// A machine with other work takes its time.
		ControlPlaneStartTimeout: 3 * time.Minute, ControlPlaneStopTimeout: time.Minute,
	}
	api, err := environment.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := environment.Stop(); err != nil {
			t.Error(err)
		}
	})
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{corev1.AddToScheme, aadpodid.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	if kube, err = client.New(api, client.Options{Scheme: scheme}); err != nil {
		t.Fatal(err)
	}
	return environment.KubeConfig, kube
}

func objects(t *testing.T, kube client.Client) {
	t.Helper()
	meta := func(name string) metav1.ObjectMeta {
		return metav1.ObjectMeta{Namespace: "default", Name: name, Labels: map[string]string{"aadpodidbinding": "web"}}
	}
	for _, o := range []client.Object{
		&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "node"}, Spec: corev1.NodeSpec{ProviderID: "azure://" + setID + "/virtualMachines/0"}},
		&aadpodid.AzureIdentity{ObjectMeta: meta("web"), Spec: aadpodid.AzureIdentitySpec{ResourceID: identityID, ClientID: "client-of-web"}},
		&aadpodid.AzureIdentityBinding{ObjectMeta: meta("b"), Spec: aadpodid.AzureIdentityBindingSpec{AzureIdentity: "web", Selector: "web"}},
		&corev1.Pod{ObjectMeta: meta("demo"), Spec: corev1.PodSpec{NodeName: "node", Containers: []corev1.Container{{Name: "c", Image: "i"}}}},
	} {
		if err := kube.Create(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
}

// metadataService is a FAKE of instance metadata: it fails twice, as it does
// while a node agent starts, and then gives out the token that armtest takes.
type metadataService struct {
	mu       sync.Mutex
	requests int
	signedIn string
}

func (m *metadataService) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.requests++
	if m.requests <= 2 {
		http.Error(w, "starting", http.StatusServiceUnavailable)
		return
	}
	if r.URL.Path != "/metadata/identity/oauth2/token" || r.Header.Get("Metadata") != "true" {
		http.Error(w, "not found", http.StatusNotFound)
		return
	}
	m.signedIn = r.URL.Query().Get("client_id")
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, `{"access_token":"fake","expires_in":"3600","expires_on":"%d","resource":"%s","token_type":"Bearer"}`,
		time.Now().Add(time.Hour).Unix(), r.URL.Query().Get("resource"))
}

func (m *metadataService) clientID() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.signedIn
}

func freePort(t *testing.T) string {
	t.Helper()
	_, port, err := net.SplitHostPort(loopbacktest.Free(t))
	if err != nil {
		t.Fatal(err)
	}
	return port
}

func contains(t *testing.T, url, want string) error {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := new(http.Client).Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	var body bytes.Buffer
	if _, err := body.ReadFrom(resp.Body); err != nil {
		return err
	}
	if !strings.Contains(body.String(), want) {
		return fmt.Errorf("%s lacks %q", url, want)
	}
	return nil
}

func until(t *testing.T, log *bytes.Buffer, check func() error) {
	t.Helper()
	deadline := time.Now().Add(2 * time.Minute)
	for {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("still: %v\n%s", err, log)
		}
		time.Sleep(50 * time.Millisecond)
	}
}
