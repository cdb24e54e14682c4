package lab_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

const notePort = 40404

// fromPort prints the status of a metadata request that goes to an address from a port of the caller's choice.
func fromPort(address string) {
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{Port: notePort}, Timeout: 5 * time.Second}
	conn, err := dialer.Dial("tcp4", address)
	if err != nil {
		fmt.Println("error", err)
		return
	}
	defer conn.Close()
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
	fmt.Println(response.StatusCode)
}

// Pods in the node's network share an address. One connects while there is no agent, in vain; the hook's note of that stays.
// Another then goes straight to the agent, past the hook, from the same port, and must not be taken for the first.
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
	victim.wantAnswer("", "200", "demo")
	if got := from(thief, "169.254.25.79:2582"); !strings.HasPrefix(got, "403") {
		t.Errorf("the thief got %s", got)
	}
}
