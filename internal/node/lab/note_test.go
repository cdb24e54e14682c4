package lab_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

const notePort = 40404

// fromPort prints the status of a metadata request that goes to an address from a port of the caller's choice.
func fromPort(address string) {
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(os.Getenv(sourceVariable)), Port: notePort}}
	conn, err := dialer.Dial("tcp4", address)
	if err != nil {
		fmt.Println("error", err)
		return
	}
	defer conn.Close()
	fmt.Println("connected")
	request, err := http.NewRequest(http.MethodGet, tokenURL, nil)
	if err != nil {
		fmt.Println("error", err)
		return
	}
	request.Header.Set("Metadata", "true")
	response, err := (&http.Transport{
		DialContext: func(context.Context, string, string) (net.Conn, error) { return conn, nil },
	}).RoundTrip(request)
	if err != nil {
		fmt.Println("error", err)
		return
	}
	defer response.Body.Close()
	fmt.Println("status", response.StatusCode)
}

// Pods in the node's network share an address. One connects while there is no agent, in vain; the hook's note of that stays.
// Another then goes straight to the agent from the same port, and must not be taken for the first.
func TestNoteOfAFailedConnectionIsNobodyElses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.metadata.attach(demo)
	agent := w.hooked()
	victim, thief := w.hostPod("victim", "demo"), w.hostPod("thief", "")
	w.api.assign(victim, demo, "Assigned")
	victim.wantAnswer("", "200", "demo")
	from := func(p *pod, address string) string {
		container := group(t, "node1", "kubepods", "besteffort", "pod"+p.uid, "container")
		process := w.startIn(p.namespace, container, []string{roleVariable + "=" + roleFromPort, targetVariable + "=" + address}, os.Args[0])
		<-process.ended
		return process.output.String()
	}
	agent.kill()
	if got := from(victim, metadataIP+":80"); !strings.Contains(got, "refused") {
		t.Fatalf("without an agent the victim got %s", got)
	}
	w.agent()
	victim.isHeardOf()
	victim.wantAnswer("", "200", "demo")
	if got := from(thief, "169.254.25.79:2582"); !strings.Contains(got, "operation not permitted") {
		t.Errorf("the thief got %s", got)
	}
}

// A pod with NET_ADMIN in its own network takes another's address there and connects from one port after the other: what the hooks
// note of that must not stand in the other's way.
func TestNotesOfAForgedAddressReplaceNobodys(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.metadata.attach(demo)
	agent := w.hooked()
	victim, thief := w.seen("victim", "10.77.1.2", "demo"), w.seen("thief", "10.77.1.3", "")
	host := w.hostPod("host", "demo")
	w.api.assign(victim, demo, "Assigned")
	w.api.assign(host, demo, "Assigned")
	victim.wantAnswer("", "200", "demo")
	host.wantAnswer("", "200", "demo")
	for _, test := range []struct {
		pod     *pod
		address string
	}{{victim, "10.77.1.2"}, {host, nodeIP}} {
		thief.do(func() { thief.namespace.address("eth0", test.address+"/32") })
		// The victim's note is written when it connects and taken when the agent accepts: the thief's comes between, for as long as
		// the agent doesn't accept.
		if err := agent.Process.Signal(syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		start := func(p *pod) *process {
			container := group(t, "node1", "kubepods", "besteffort", "pod"+p.uid, "container")
			return w.startIn(p.namespace, container, []string{
				roleVariable + "=" + roleFromPort, targetVariable + "=" + metadataIP + ":80", sourceVariable + "=" + test.address,
			}, os.Args[0])
		}
		asking := start(test.pod)
		w.eventually("the victim is connected", func() bool { return strings.Contains(asking.output.String(), "connected") })
		forging := start(thief)
		time.Sleep(500 * time.Millisecond) // nobody answers it, so there is nothing to wait for
		if err := agent.Process.Signal(syscall.SIGCONT); err != nil {
			t.Fatal(err)
		}
		<-asking.ended
		if got := asking.output.String(); !strings.Contains(got, "status 200") {
			t.Errorf("%s, whose address another pod took, got %s", test.pod.name, got)
		}
		select {
		case <-forging.ended:
		case <-time.After(2 * time.Second):
			forging.kill()
		}
		if got := forging.output.String(); strings.Contains(got, "status 200") {
			t.Errorf("the thief of %s's address got %s", test.pod.name, got)
		}
	}
}
