package lab_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// hooked makes the world one whose agent proves pods by hooks. The agent itself gets no more rights than elsewhere; installing the
// hooks takes one more.
func (w *world) hooked(more ...string) *process {
	w.t.Helper()
	w.mountHooks()
	w.installHooks(more...)
	return w.agent(more...)
}

// mountHooks makes a place where hooks can be pinned.
func (w *world) mountHooks() {
	w.t.Helper()
	mount := w.t.TempDir()
	if err := unix.Mount("none", mount, "bpf", 0, ""); err != nil {
		w.t.Fatalf("mounting a BPF file system: %v", err)
	}
	w.t.Cleanup(func() { _ = unix.Unmount(mount, unix.MNT_DETACH) })
	w.hooks = filepath.Join(mount, "lanyard")
}

func (w *world) installHooks(more ...string) {
	w.t.Helper()
	arguments := append([]string{"--bounding-set=-all,+net_admin,+bpf", "--inh-caps=-all", "--no-new-privs", binary(w.t), "rules"}, w.arguments(more...)...)
	rules := w.start(group(w.t, "node1", "kubepods", "agent"), nil, "setpriv", arguments...)
	<-rules.ended
	if rules.ProcessState.ExitCode() != 0 {
		w.t.Fatalf("nmi rules: %s", rules.output)
	}
}

// housed makes a pod with a cgroup, whose containers ask.
func (w *world) housed(name, address, label string) *pod {
	w.t.Helper()
	p := w.plug(name, address)
	p.label = label
	p.house()
	w.api.putPod(p)
	w.runtime.start(p)
	return p
}

// seen makes a housed pod that the agent has heard of.
func (w *world) seen(name, address, label string) *pod {
	w.t.Helper()
	p := w.housed(name, address, label)
	p.isHeardOf()
	return p
}

func (p *pod) wantAnswer(query, status, text string) {
	p.t.Helper()
	got := p.asks(query)
	name := ""
	if fields := strings.Fields(got); len(fields) > 1 {
		name = whose(fields[1])
	}
	if !strings.HasPrefix(got, status+" ") || status == "200" && name != text || status != "200" && !strings.Contains(got, text) {
		p.t.Errorf("%s got %s (a token of %q), want %s %s", p.name, got, name, status, text)
	}
}

func TestHooks(t *testing.T) {
	t.Parallel()
	for name, make := range map[string]func(testing.TB) *world{"routed": newWorld, "bridge": newBridgeWorld} {
		t.Run(name, func(t *testing.T) {
			w := make(t)
			w.metadata.attach(demo)
			w.metadata.attach(other)
			w.hooked()
			web, job := w.seen("web", "10.77.1.2", "demo"), w.seen("job", "10.77.1.3", "other")
			host := w.hostPod("host", "demo")
			for p, i := range map[*pod]identity{web: demo, job: other, host: demo} {
				w.api.assign(p, i, "Assigned")
			}
			web.wantAnswer("", "200", "demo")
			job.wantAnswer("", "200", "other")
			host.wantAnswer("", "200", "demo")
			web.wantAnswer("&client_id="+other.clientID, "400", "Identity not found")

			// in the pod's network, but in nobody's cgroup: no hook saw it, so its packets lead to the unproven port
			web.wantRefusal("", 403, "could not be proven")
			// in the pod's cgroup, but in another pod's network: root of the node moved it there
			strange := group(t, "node1", "kubepods", "besteffort", "pod"+web.uid, "container")
			if got := w.getFromURL(job.namespace, strange, tokenURL); !strings.HasPrefix(got, "403 ") {
				t.Errorf("a process in two pods got %s", got)
			}
			// a pod's cgroup that the runtime doesn't know
			if got := w.getFrom(group(t, "node1", "kubepods", "besteffort", "pod1")); !strings.HasPrefix(got, "403 ") {
				t.Errorf("an unknown pod in the node's network got %s", got)
			}
			if got := w.getFrom(group(t, "node1", "system")); !strings.HasPrefix(got, "200 ") || !strings.Contains(got, "node-client") {
				t.Errorf("a daemon of the node got %s", got)
			}
			if strangers := w.metadata.visitors(); len(strangers) > 0 {
				t.Errorf("pods reached the metadata service from %v", strangers)
			}
		})
	}
}

// AF_INET6 sockets run another hook than AF_INET ones, which agents that only have connect4 forget; and clients that look where
// they are connected see what they asked for.
func TestHooksCoverMappedAddresses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.metadata.attach(demo)
	w.hooked()
	web := w.seen("java", "10.77.1.2", "demo")
	w.api.assign(web, demo, "Assigned")
	container := group(t, "node1", "kubepods", "besteffort", "pod"+web.uid, "container")
	for _, target := range []string{metadataIP + ":80", "[::ffff:" + metadataIP + "]:80"} {
		got := w.startIn(web.namespace, container, []string{roleVariable + "=" + rolePeer, targetVariable + "=" + target}, os.Args[0])
		<-got.ended
		if !strings.HasPrefix(got.output.String(), "169.254.169.254:80 200 ") {
			t.Errorf("%s: connected to, and answered: %s", target, got.output)
		}
	}
	for _, target := range []string{metadataIP + ":8080", "[::ffff:" + metadataIP + "]:443"} {
		got := w.startIn(web.namespace, container, []string{roleVariable + "=" + rolePeer, targetVariable + "=" + target}, os.Args[0])
		<-got.ended
		if !strings.Contains(got.output.String(), "operation not permitted") {
			t.Errorf("%s: %s, want a refusal by the hook", target, got.output)
		}
	}
}

// peer prints to what a socket says it is connected, and the status of an answer.
func peer(target string) {
	address, err := net.ResolveTCPAddr("tcp", target)
	if err != nil {
		fmt.Println("error", err)
		return
	}
	fd, err := unix.Socket(unix.AF_INET6, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	var to unix.Sockaddr = &unix.SockaddrInet6{Port: address.Port, Addr: [16]byte(address.IP.To16())}
	if !strings.HasPrefix(target, "[") {
		fd, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		to = &unix.SockaddrInet4{Port: address.Port, Addr: [4]byte(address.IP.To4())}
	}
	if err == nil {
		err = unix.Connect(fd, to)
	}
	if err != nil {
		fmt.Println("error", err)
		return
	}
	file := os.NewFile(uintptr(fd), "socket")
	conn, err := net.FileConn(file)
	if err != nil {
		fmt.Println("error", err)
		return
	}
	_ = file.Close()
	client := http.Client{Timeout: patience, Transport: &http.Transport{
		DialContext: func(context.Context, string, string) (net.Conn, error) { return conn, nil },
	}}
	request, err := http.NewRequest(http.MethodGet, tokenURL, nil)
	if err != nil {
		fmt.Println("error", err)
		return
	}
	request.Header.Set("Metadata", "true")
	response, err := client.Do(request)
	if err != nil {
		fmt.Println("error", conn.RemoteAddr(), err)
		return
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	fmt.Println(conn.RemoteAddr(), response.StatusCode, len(body), err)
}

// A hook that went with its process would leave the metadata service open where netfilter doesn't see pods.
func TestHooksStayWhenTheAgentIsKilled(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.metadata.attach(demo)
	agent := w.hooked()
	web := w.seen("web", "10.77.1.2", "demo")
	w.api.assign(web, demo, "Assigned")
	web.wantAnswer("", "200", "demo")
	agent.kill()
	// take netfilter's part away, as on a network that doesn't pass it
	nft := w.start(nil, nil, "nft", "delete", "table", "inet", "lanyard")
	if <-nft.ended; nft.ProcessState.ExitCode() != 0 {
		t.Fatal(nft.output)
	}
	if got := web.asks(""); !strings.HasPrefix(got, "error") {
		t.Errorf("without an agent and without netfilter the pod got %s", got)
	}
	if strangers := w.metadata.visitors(); len(strangers) > 0 {
		t.Errorf("pods reached the metadata service from %v", strangers)
	}
	w.installHooks() // as a new version's init container does, over those that are there
	w.agent()
	web.isHeardOf()
	web.wantAnswer("", "200", "demo")
}
