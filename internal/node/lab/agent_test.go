package lab_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lanyard-project/lanyard/internal/node/redirect"
)

// group is a cgroup below one of the test's own: worlds of several tests are there at once.
func group(t testing.TB, names ...string) *os.File {
	t.Helper()
	mount, err := redirect.CgroupMount()
	if err != nil {
		t.Fatal(err)
	}
	root := filepath.Join(mount, fmt.Sprintf("lanyard-lab-%d-%s", os.Getpid(), strings.ReplaceAll(t.Name(), "/", "-")))
	path := filepath.Join(append([]string{root}, names...)...)
	if err := os.MkdirAll(path, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for p := path; strings.HasPrefix(p, root); p = filepath.Dir(p) {
			_ = os.Remove(p) // another test's group may still be below
		}
	})
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = file.Close() })
	return file
}

// process is a process in the node's network.
type process struct {
	*exec.Cmd
	output log
	ended  chan struct{}
}

// log is a file, so that writing it wakes nobody.
type log struct{ *os.File }

func (l log) String() string {
	content, err := os.ReadFile(l.Name())
	if err != nil {
		return err.Error()
	}
	return string(content)
}

func (w *world) start(cgroup *os.File, environment []string, name string, arguments ...string) *process {
	w.t.Helper()
	return w.startIn(w.node, cgroup, environment, name, arguments...)
}

func (w *world) startIn(in *namespace, cgroup *os.File, environment []string, name string, arguments ...string) *process {
	w.t.Helper()
	file, err := os.CreateTemp(w.folder, "log")
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = file.Close() })
	p := &process{Cmd: exec.Command(name, arguments...), output: log{file}, ended: make(chan struct{})}
	p.Stdout, p.Stderr = file, file
	p.Env = append(os.Environ(), environment...)
	p.SysProcAttr = &syscall.SysProcAttr{}
	if cgroup != nil {
		p.SysProcAttr.UseCgroupFD, p.SysProcAttr.CgroupFD = true, int(cgroup.Fd())
	}
	in.do(func() { in.must(p.Start(), "starting "+name) })
	if w.t.Failed() {
		w.t.FailNow()
	}
	go func() {
		_ = p.Wait()
		close(p.ended)
	}()
	w.t.Cleanup(p.kill)
	return p
}

func (p *process) kill() {
	_ = p.Process.Kill()
	<-p.ended
}

func (w *world) arguments(more ...string) []string {
	if w.bridge != "" {
		more = append(more, "--pod-network=bridge")
	}
	if w.hooks != "" {
		more = append(more, "--attestation=ebpf", "--hook-folder="+w.hooks)
	}
	return append([]string{
		"--node=node1", "--runtime-endpoint=unix://" + w.runtime.socket, "--kube-api=" + w.api.url,
		"--kube-token-file=" + w.api.tokenFile, "--kube-ca-file=" + w.api.caFile,
		"--node-identity-service-account=my-app/mic", "--assignment-timeout=" + patience.String(),
	}, more...)
}

// agent starts nmi as a pod in the node's network and waits until it is ready.
func (w *world) agent(more ...string) *process {
	w.t.Helper()
	p := w.start(group(w.t, "node1", "kubepods", "agent"), nil, "setpriv", contained(binary(w.t), w.arguments(more...)...)...)
	w.ready(p)
	return p
}

// contained is a command with the only right that the chart leaves the agent.
func contained(command string, arguments ...string) []string {
	return append([]string{"--bounding-set=-all,+net_admin", "--inh-caps=-all", "--no-new-privs", command}, arguments...)
}

// ready waits until an agent's checks pass.
func (w *world) ready(p *process) {
	w.t.Helper()
	w.t.Cleanup(func() {
		if w.t.Failed() {
			w.t.Logf("nmi's log:\n%s", p.output)
		}
	})
	w.eventually("the agent is ready", func() bool {
		select {
		case <-p.ended:
			w.t.Fatalf("nmi ended:\n%s", p.output)
		default:
		}
		status, _, err := fetch(w.node, nil, "http://127.0.0.1:8085/readyz")
		return err == nil && status == http.StatusOK
	})
}

// getFrom asks for a token by a process of the node's network in a cgroup.
func (w *world) getFrom(cgroup *os.File) string {
	w.t.Helper()
	return w.getFromURL(w.node, cgroup, tokenURL)
}

func (w *world) getFromURL(in *namespace, cgroup *os.File, url string) string {
	w.t.Helper()
	p := w.startIn(in, cgroup, []string{roleVariable + "=" + roleGet, targetVariable + "=" + url}, os.Args[0])
	<-p.ended
	return p.output.String()
}

func (w *world) cgroupMount() string {
	mount, err := redirect.CgroupMount()
	if err != nil {
		w.t.Fatal(err)
	}
	return mount
}

// patience is more than anything takes on a busy machine: who waits so long waits in vain. It costs nothing while all is well.
const patience = 2 * time.Minute

func (w *world) eventually(what string, condition func() bool) {
	w.t.Helper()
	for deadline := time.Now().Add(patience); !condition(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			w.t.Fatalf("waited in vain: %s", what)
		}
	}
}

// client makes connections from inside a namespace.
func client(n *namespace, local *net.TCPAddr) *http.Client {
	return &http.Client{Timeout: patience + time.Minute, Transport: &http.Transport{ // the agent gives up first
		DialContext: func(ctx context.Context, network, address string) (conn net.Conn, err error) {
			dialer := &net.Dialer{}
			if local != nil {
				dialer.LocalAddr = local
			}
			n.do(func() { conn, err = dialer.DialContext(ctx, network, address) })
			return conn, err
		},
	}}
}

func ask(c *http.Client, target string) (int, string, error) {
	request, err := http.NewRequest(http.MethodGet, target, nil)
	if err != nil {
		return 0, "", err
	}
	request.Header.Set("Metadata", "true")
	response, err := c.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return response.StatusCode, string(body), err
}

func fetch(n *namespace, local *net.TCPAddr, target string) (int, string, error) {
	c := client(n, local)
	defer c.CloseIdleConnections()
	return ask(c, target)
}

// fetchInVain asks where nobody may answer, and doesn't wait for long.
func fetchInVain(n *namespace, local *net.TCPAddr, target string) (int, string, error) {
	c := client(n, local)
	c.Timeout = 1500 * time.Millisecond
	defer c.CloseIdleConnections()
	return ask(c, target)
}

const tokenURL = "http://" + metadataIP + "/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https%3A%2F%2Fmanagement.azure.com%2F"

// whose gives the name of the identity that a token in an answer is for.
func whose(body string) string {
	name, _ := readToken(body)
	return name
}

// readToken also gives the number of the key that signed it.
func readToken(body string) (name string, key int) {
	var document struct {
		Token string `json:"access_token"`
	}
	if json.Unmarshal([]byte(body), &document) != nil || document.Token == "" {
		return "", 0
	}
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(document.Token, ".")[1])
	if err != nil {
		return "", 0
	}
	var claims struct {
		Name string
		Key  int
	}
	_ = json.Unmarshal(payload, &claims)
	return claims.Name, claims.Key
}

// wantToken asks from a pod and insists on an identity's token.
func (p *pod) wantToken(query, name string) {
	p.t.Helper()
	status, body, err := fetch(p.namespace, p.connectionLocal, tokenURL+query)
	if err != nil || status != http.StatusOK || whose(body) != name {
		p.t.Errorf("%s got %d, token of %q, %v, %s; want a token of %q", p.name, status, whose(body), err, body, name)
	}
}

// getsToken asks from a pod until it is given an identity's token.
func (p *pod) getsToken(name string) {
	p.t.Helper()
	p.world.eventually(p.name+" gets a token of "+name, func() bool {
		status, body, err := fetch(p.namespace, p.connectionLocal, tokenURL)
		return err == nil && status == http.StatusOK && whose(body) == name
	})
}

// isRefused asks from a pod until it is told why it gets no token.
func (p *pod) isRefused(why string) {
	p.t.Helper()
	p.world.eventually(p.name+" is refused: "+why, func() bool {
		status, body, err := fetch(p.namespace, p.connectionLocal, tokenURL)
		return err == nil && status == http.StatusBadRequest && strings.Contains(body, why)
	})
}

// refusedAtOnce waits until a client that has been served is refused, which takes the agent no patience.
func (w *world) refusedAtOnce(c *http.Client) {
	w.t.Helper()
	revoked := time.Now()
	w.eventually("the right is gone", func() bool {
		status, body, err := ask(c, tokenURL)
		if err != nil || status != http.StatusOK && !strings.Contains(body, "Identity not found") {
			w.t.Fatalf("after %s: %d %s %v, want 400", time.Since(revoked), status, body, err)
		}
		return status == http.StatusBadRequest
	})
	w.t.Logf("felt after %s", time.Since(revoked))
}

// waits waits until a pod's request waits in the agent.
func (w *world) waits() {
	w.t.Helper()
	w.eventually("a request waits", func() bool { return w.metric("nmi_requests_waiting") == 1 })
}

// wantRefusal asks from a pod and insists on an error.
func (p *pod) wantRefusal(query string, status int, text string) {
	p.t.Helper()
	got, body, err := fetch(p.namespace, p.connectionLocal, tokenURL+query)
	if err != nil || got != status || !strings.Contains(body, text) || whose(body) != "" {
		p.t.Errorf("%s got %d %s, %v; want %d …%s…", p.name, got, body, err, status, text)
	}
}
