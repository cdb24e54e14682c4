package lab_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A pod with NET_ADMIN that takes the victim's address sends from its own interface, so it never reaches the proven port:
// not even if the node's routes are so confused that the answers find their way to it. (CVE-2021-1677 is this attack on a
// bridge.)
func TestForgedSourceAddress_CVE_2021_1677(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.metadata.attach(demo)
	agent := w.agent()
	victim := w.pod("victim", "10.77.1.2", "demo")
	w.api.assign(victim, demo, "Assigned")
	victim.wantToken("", "demo")

	attacker := w.pod("attacker", "10.77.1.3", "")
	attacker.do(func() { attacker.namespace.address("eth0", "10.77.1.2/32") })
	attacker.connectionLocal = &net.TCPAddr{IP: net.ParseIP("10.77.1.2")}
	if status, body, err := fetchInVain(attacker.namespace, attacker.connectionLocal, tokenURL); err == nil {
		t.Errorf("the forged connection was answered: %d %s", status, body)
	}
	w.node.do(func() { w.node.route("10.77.1.2/32", attacker.host, "") })
	attacker.wantRefusal("", 403, "could not be proven")
	w.eventually("the forgery is in the audit log", func() bool {
		return strings.Contains(agent.output.String(), `"result":"forged"`)
	})
	w.node.do(func() { w.node.route("10.77.1.2/32", victim.host, "") })
	victim.wantToken("", "demo")
}

func TestAddressReuse_kiam_499(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.metadata.attach(demo)
	w.metadata.attach(other)
	w.agent()
	first := w.pod("first", "10.77.1.2", "demo")
	w.api.assign(first, demo, "Assigned")
	kept := client(first.namespace, nil)
	if status, _, err := ask(kept, tokenURL); status != 200 {
		t.Fatalf("first: %d %v", status, err)
	}
	// the runtime stops it; its process lingers with an open connection, its cable still plugged
	w.runtime.stop(first)
	second := w.pod("second", "10.77.1.2", "other") // the route moves to the new cable
	w.api.assign(second, other, "Assigned")
	second.wantToken("", "other")
	kept.Timeout = time.Second
	if status, body, err := ask(kept, tokenURL); err == nil {
		t.Errorf("the old pod's connection was answered: %d %s", status, body)
	}
	first.unplug()
	for range 5 {
		second.wantToken("", "other")
	}
}

func TestUnknownPodIsAskedToComeBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.metadata.attach(demo)
	w.agent()
	w.plug("unheard-of", "10.77.1.2").wantRefusal("", 403, "could not be proven")

	// The agent holds a stranger for a second only, in which a busy machine's runtime may not have spoken: then the next pod is tried.
	w.eventually("a pod that becomes known while it asks is asked to come back", func() bool {
		number := w.next.Load()
		p := w.plug(fmt.Sprintf("new-%d", number), fmt.Sprintf("10.77.1.%d", number+2))
		p.label = "demo"
		w.api.putPod(p)
		w.api.assign(p, demo, "Assigned")
		strangers := w.redirectedTo("2580")
		type answer struct {
			status int
			body   string
		}
		got := make(chan answer)
		go func() {
			status, body, _ := fetch(p.namespace, nil, tokenURL)
			got <- answer{status, body}
		}()
		w.eventually("it has asked", func() bool { return w.redirectedTo("2580") > strangers })
		w.runtime.start(p)
		a := <-got
		if whose(a.body) != "" {
			t.Errorf("a stranger got a token: %s", a.body)
		}
		p.getsToken("demo")
		return a.status == http.StatusServiceUnavailable && strings.Contains(a.body, "try again")
	})
}

func TestAgentKilledLeavesPodsWithout(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.metadata.attach(demo)
	agent := w.agent()
	p := w.pod("web", "10.77.1.2", "demo")
	w.api.assign(p, demo, "Assigned")
	p.wantToken("", "demo")
	agent.kill()
	if status, body, err := fetchInVain(p.namespace, nil, tokenURL); err == nil {
		t.Errorf("without an agent the pod got %d %s", status, body)
	}
	if strangers := w.metadata.visitors(); len(strangers) > 0 {
		t.Errorf("pods reached the metadata service from %v", strangers)
	}
	w.agent()
	w.known(p)
	p.wantToken("", "demo")
}

func TestRuntimeRestart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.metadata.attach(demo)
	w.agent()
	before := w.pod("before", "10.77.1.2", "demo")
	w.api.assign(before, demo, "Assigned")
	before.wantToken("", "demo")
	w.runtime.restart()
	before.wantToken("", "demo") // what is known stays known
	after := w.pod("after", "10.77.1.3", "demo")
	w.api.assign(after, demo, "Assigned")
	after.wantToken("", "demo")
}

func TestRulesComeBeforeTheAgent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.plug("eager", "10.77.1.2")
	// a connection that is older than the rules
	var old net.Conn
	p.do(func() {
		var err error
		old, err = net.DialTimeout("tcp4", metadataIP+":80", patience)
		p.must(err, "connecting before there are rules")
	})
	if t.Failed() {
		t.FailNow()
	}
	defer old.Close()
	rules := w.start(group(t, "node1", "kubepods", "init"), nil, "setpriv", contained(binary(t), "rules")...)
	<-rules.ended
	if rules.ProcessState.ExitCode() != 0 {
		t.Fatalf("nmi rules: %s", rules.output)
	}
	if status, body, err := fetchInVain(p.namespace, nil, tokenURL); err == nil {
		t.Errorf("before the agent runs the pod got %d %s", status, body)
	}
	fmt.Fprintf(old, "GET %s HTTP/1.1\r\nHost: x\r\nMetadata: true\r\n\r\n", strings.TrimPrefix(tokenURL, "http://"+metadataIP))
	_ = old.SetReadDeadline(time.Now().Add(time.Second))
	if n, _ := old.Read(make([]byte, 1)); n > 0 {
		t.Error("a connection older than the rules still reaches the metadata service")
	}
	if requests, _ := w.metadata.visits(); requests > 0 {
		t.Errorf("the metadata service saw %d requests", requests)
	}
	w.metadata.attach(demo)
	agent := w.agent()
	if !strings.Contains(agent.output.String(), "redirect taken over") {
		t.Error("the agent replaced rules that were right")
	}
	p.label = "demo"
	w.api.putPod(p)
	w.runtime.start(p)
	w.known(p)
	w.api.assign(p, demo, "Assigned")
	p.wantToken("", "demo")
}

func TestAgentIsReachedByRedirectOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.metadata.attach(demo)
	w.agent()
	p := w.pod("web", "10.77.1.2", "demo")
	w.api.assign(p, demo, "Assigned")
	p.wantToken("", "demo")
	path := strings.TrimPrefix(tokenURL, "http://"+metadataIP)
	for _, from := range []*namespace{p.namespace, w.node, w.vnet} {
		if from == w.vnet {
			w.vnet.do(func() { w.vnet.route(agentIP+"/32", "node0", nodeIP) })
		}
		for _, port := range []string{"2579", "2580"} {
			if status, body, err := fetchInVain(from, nil, "http://"+agentIP+":"+port+path); err == nil {
				t.Errorf("%s:%s answered directly: %d %s", agentIP, port, status, body)
			}
		}
	}
}

func TestMappedAddress(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.metadata.attach(demo)
	w.agent()
	p := w.pod("java", "10.77.1.2", "demo")
	w.api.assign(p, demo, "Assigned")
	p.wantToken("", "demo")
	var conn net.Conn
	p.do(func() {
		fd, err := unix.Socket(unix.AF_INET6, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		p.must(err, "making an IPv6 socket")
		to := &unix.SockaddrInet6{Port: 80, Addr: [16]byte{10: 0xff, 11: 0xff, 12: 169, 13: 254, 14: 169, 15: 254}}
		p.must(unix.Connect(fd, to), "connecting to the mapped address")
		file := os.NewFile(uintptr(fd), "socket")
		conn, err = net.FileConn(file)
		p.must(err, "using the socket")
		_ = file.Close()
	})
	if t.Failed() {
		t.FailNow()
	}
	defer conn.Close()
	fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: [::ffff:169.254.169.254]\r\nMetadata: true\r\n\r\n", strings.TrimPrefix(tokenURL, "http://"+metadataIP))
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if body, _ := io.ReadAll(response.Body); whose(string(body)) != "demo" {
		t.Errorf("got %d %s", response.StatusCode, body)
	}
}

func TestPathTricks_CVE_2022_23551(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.metadata.attach(demo)
	w.agent()
	p := w.pod("curious", "10.77.1.2", "")
	const query = "?api-version=2018-02-01&resource=r"
	for _, line := range []string{
		`GET /metadata/identity\oauth2\token` + query + " HTTP/1.1", "GET /metadata/identity%2foauth2%2ftoken" + query + " HTTP/1.1",
		"GET /metadata/instance/../identity/oauth2/token" + query + " HTTP/1.1", "GET //metadata/identity/oauth2/token" + query + " HTTP/1.1",
		"GET http://169.254.169.254/metadata/identity/oauth2/token" + query + " HTTP/1.1", "GET /metadata/identity/oauth2/token" + query + " HTTP/1.0",
		"POST /metadata/identity/oauth2/token" + query + " HTTP/1.1", "GET /metadata/attested/document?api-version=2021-02-01 HTTP/1.1",
		"CONNECT 169.254.169.254:80 HTTP/1.1", "GET /metadata/identity/oauth2/token\x00" + query + " HTTP/1.1",
		"GET /metadata/instance/compute" + query + " HTTP/1.1\r\nX-Forwarded-For: 127.0.0.1",
		"GET /metadata/versions HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 4",
	} {
		var conn net.Conn
		p.do(func() {
			var err error
			conn, err = net.DialTimeout("tcp4", metadataIP+":80", patience)
			p.must(err, "connecting")
		})
		if t.Failed() {
			t.FailNow()
		}
		fmt.Fprintf(conn, "%s\r\nHost: 169.254.169.254\r\nMetadata: true\r\n\r\n", line)
		_ = conn.SetReadDeadline(time.Now().Add(patience))
		response, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil || response.StatusCode < 400 || response.StatusCode > 499 {
			t.Errorf("%q: %v %v, want 4xx", line, response, err)
		}
		_ = conn.Close()
	}
	if requests, _ := w.metadata.visits(); requests > 0 {
		t.Errorf("the metadata service saw %d requests", requests)
	}
}

// On a machine with cgroup version 2 only, each container has a cgroup namespace and sees its own group as the root, and no
// hierarchy of version 1 is in sight. The init container installs the rules from the host's namespace; the agent takes them over
// from its own.
func TestHostNetworkFromOwnCgroupNamespaces(t *testing.T) {
	t.Parallel()
	const both = "/sys/fs/cgroup"
	for name, layout := range map[string]struct{ leave, at string }{
		"both versions":   {"", ""},
		"version 2 alone": {"umount --lazy --recursive " + both, both},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.metadata.attach(demo)
			hosts := fmt.Sprintf("--host-cgroup-namespace=/proc/%d/ns/cgroup", os.Getpid())
			// what a container sees: its own hierarchy in the place of the host's
			own := `umount "$0" && mount -t cgroup2 none "$0"`
			if layout.at != "" {
				own = layout.leave + " && mount -t cgroup2 none " + layout.at
			}
			unshared := func(before string, arguments ...string) []string {
				return append([]string{"--cgroup", "--mount", "sh", "-c", before + own + ` && exec "$@"`, w.cgroupMount()}, arguments...)
			}
			rules := w.start(group(t, "node1", "kubepods", "pod0", "init"), nil, "unshare",
				unshared("", binary(t), "rules", hosts, "--cgroup-mount="+w.cgroupMount()+"-host")...)
			<-rules.ended
			t.Log(rules.output)
			if rules.ProcessState.ExitCode() == 0 {
				t.Error("rules were installed without the host's hierarchy in sight")
			}
			// the chart mounts the host's hierarchy beside the container's own
			host := t.TempDir()
			rules = w.start(group(t, "node1", "kubepods", "pod0", "init"), nil, "unshare",
				unshared(`mount --bind "$0" `+host+" && ", binary(t), "rules", hosts, "--cgroup-mount="+host)...)
			<-rules.ended
			if rules.ProcessState.ExitCode() != 0 {
				t.Fatalf("nmi rules: %s", rules.output)
			}
			agent := w.start(group(t, "node1", "kubepods", "pod0", "agent"), nil, "unshare",
				unshared(`mount --bind "$0" `+host+" && ", append([]string{binary(t)}, w.arguments("--cgroup-mount="+host)...)...)...)
			w.ready(agent)
			p := w.pod("web", "10.77.1.2", "demo")
			w.api.assign(p, demo, "Assigned")
			p.wantToken("", "demo") // so the agent itself gets through
			if got := w.getFrom(group(t, "node1", "kubepods", "besteffort", "pod1")); !strings.HasPrefix(got, "403 ") {
				t.Errorf("a pod in the node's network got %s", got)
			}
			inHost := w.hostPod("host", "demo")
			w.api.assign(inHost, demo, "Assigned")
			inHost.wantAnswer("", "200", "demo")
			if got := w.getFrom(group(t, "node1", "system")); !strings.HasPrefix(got, "200 ") {
				t.Errorf("a daemon of the node got %s", got)
			}
		})
	}
}
