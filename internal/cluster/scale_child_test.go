package cluster_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime/pprof"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/arm"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/lanyard-project/lanyard/internal/cluster"
	"github.com/lanyard-project/lanyard/internal/cluster/armtest"
	"github.com/lanyard-project/lanyard/internal/cluster/scaleset"
	"github.com/lanyard-project/lanyard/internal/loopback/loopbacktest"
)

// childVariable makes this program mic and nothing else: a process whose CPU and
// memory are mic's own.
const childVariable = "LANYARD_TEST_MIC"

// childSettings are what a mic in a process of its own needs.
type childSettings struct {
	Kubeconfig, ARM, Certificate, Probes, Metrics string
	// Profile is where its use of the processor is recorded; empty: it isn't.
	Profile string
}

var profiles = flag.String("mic-profiles", "", "existing folder in which benchmarks leave processor profiles of mic")

func runChild(settings string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	var s childSettings
	if err := json.Unmarshal([]byte(settings), &s); err != nil {
		return err
	}
	stopProfile, err := profile(s.Profile)
	if err != nil {
		return err
	}
	defer stopProfile()
	config, err := clientcmd.BuildConfigFromFlags("", s.Kubeconfig)
	if err != nil {
		return err
	}
	config.QPS = -1
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM([]byte(s.Certificate))
	c := clock.RealClock{}
	azure := scaleset.NewARM(fakeToken{}, arm.ClientOptions{ClientOptions: policy.ClientOptions{
		Transport: &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, MaxIdleConnsPerHost: 64}},
		Cloud: cloud.Configuration{Services: map[cloud.ServiceName]cloud.ServiceConfiguration{
			cloud.ResourceManager: {Endpoint: s.ARM, Audience: "https://management.azure.com"},
		}},
	}}, c)
	mgr, err := cluster.New(ctx, config, cluster.Options{
		Azure: azure, Spacing: 500 * time.Millisecond, DriftInterval: 3 * time.Minute, Backoff: time.Second, MostBackoff: 2 * time.Minute,
		Resync: time.Hour, Writers: 20, ProbeAddress: s.Probes, MetricsAddress: s.Metrics, Metrics: metrics.Registry,
		Election: cluster.Election{Name: "aad-pod-identity-mic", Namespace: "kube-system", Duration: 5 * time.Minute, Retry: 2 * time.Second},
		Log:      slog.New(slog.NewTextHandler(os.Stderr, nil)), Clock: c,
	})
	if err != nil {
		return err
	}
	return mgr.Start(ctx)
}

func profile(name string) (stop func(), err error) {
	if name == "" {
		return func() {}, nil
	}
	f, err := os.Create(name)
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, err
	}
	return func() {
		pprof.StopCPUProfile()
		_ = f.Close()
	}, nil
}

type fakeToken struct{}

func (fakeToken) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{Token: "fake", ExpiresOn: time.Now().Add(time.Hour)}, nil
}

// micProcess is a mic in a process of its own.
type micProcess struct {
	b       testing.TB
	cmd     *exec.Cmd
	log     string
	metrics string
}

func startMic(b testing.TB, azure *armtest.Server) *micProcess {
	b.Helper()
	kubeconfig := filepath.Join(b.TempDir(), "kubeconfig")
	if err := os.WriteFile(kubeconfig, micKubeconfig, 0o600); err != nil {
		b.Fatal(err)
	}
	p := &micProcess{b: b, metrics: loopbacktest.Free(b), log: filepath.Join(b.TempDir(), "log")}
	settings, err := json.Marshal(childSettings{
		Kubeconfig: kubeconfig, ARM: azure.URL(), Probes: loopbacktest.Free(b), Metrics: p.metrics,
		Certificate: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: azure.Certificate().Raw})),
		Profile:     profileFile(),
	})
	if err != nil {
		b.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	p.cmd = exec.CommandContext(context.WithoutCancel(b.Context()), self)
	p.cmd.Env = append(os.Environ(), childVariable+"="+string(settings))
	log, err := os.Create(p.log)
	if err != nil {
		b.Fatal(err)
	}
	defer log.Close()
	p.cmd.Stdout, p.cmd.Stderr = log, log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(p.stop)
	return p
}

// stop ends it as a kubelet does, and waits.
func (p *micProcess) stop() {
	if p.cmd.ProcessState != nil {
		return
	}
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	err := p.cmd.Wait()
	if err != nil || p.b.Failed() {
		said, _ := os.ReadFile(p.log)
		p.b.Errorf("mic ended with %v: %s", err, said[max(0, len(said)-20000):])
	}
}

func profileFile() string {
	if *profiles == "" {
		return ""
	}
	return filepath.Join(*profiles, fmt.Sprintf("mic-%d.pprof", time.Now().UnixMilli()))
}

// cpu is what it has used so far.
func (p *micProcess) cpu() time.Duration {
	p.b.Helper()
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		p.b.Fatal(err)
	}
	fields := strings.Fields(string(raw[bytes.LastIndexByte(raw, ')')+1:]))
	ticks := 0
	for _, field := range fields[11:13] { // utime and stime, proc_pid_stat(5)
		n, err := strconv.Atoi(field)
		if err != nil {
			p.b.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}

// usage is processor time and the time that it was used in.
type usage struct{ cpu, time time.Duration }

// use measures what it uses while something happens.
func (p *micProcess) use(happens func()) usage {
	p.b.Helper()
	start, before := time.Now(), p.cpu()
	happens()
	return usage{cpu: p.cpu() - before, time: time.Since(start)}
}

// peak is the most memory that it had, in MiB.
func (p *micProcess) peak() float64 {
	p.b.Helper()
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		p.b.Fatal(err)
	}
	for line := range strings.Lines(string(raw)) {
		if value, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kib, err := strconv.Atoi(strings.Fields(value)[0])
			if err != nil {
				p.b.Fatal(err)
			}
			return float64(kib) / 1024
		}
	}
	p.b.Fatal("no VmHWM")
	return 0
}

// metric sums a metric of its over the labels that aren't named; 0 while it
// isn't there.
func (p *micProcess) metric(name string, labels map[string]string) float64 {
	req, err := http.NewRequestWithContext(p.b.Context(), http.MethodGet, "http://"+p.metrics+"/metrics", nil)
	if err != nil {
		p.b.Fatal(err)
	}
	resp, err := (&http.Client{Transport: &http.Transport{DisableCompression: true, DisableKeepAlives: true}}).Do(req)
	if err != nil {
		return 0
	}
	defer resp.Body.Close()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(resp.Body)
	if err != nil {
		p.b.Fatal(err)
	}
	sum := 0.0
	for _, m := range families[name].GetMetric() {
		matches := 0
		for _, l := range m.GetLabel() {
			if labels[l.GetName()] == l.GetValue() {
				matches++
			}
		}
		if matches == len(labels) {
			sum += m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	return sum
}
