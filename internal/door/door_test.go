package door_test

import (
	"net"
	"testing"

	"github.com/lanyard-project/lanyard/internal/door"
)

func TestDoorIsOpenToOthersWhenOneAddressCrowdsIt(t *testing.T) {
	const most = 20
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	entrance := door.New(listener, most, 1000)
	defer entrance.Close()
	accepted := make(chan net.Conn, 100)
	go func() {
		defer close(accepted)
		for {
			conn, err := entrance.Accept()
			if err != nil {
				return
			}
			accepted <- conn
		}
	}()
	from := func(address string) net.Conn {
		dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}
		conn, err := dialer.DialContext(t.Context(), "tcp4", listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		return conn
	}
	for range most + 1 {
		from("127.0.0.2")
	}
	from("127.0.0.3") // connections are accepted in their order: this one is behind the one too many
	var crowd []net.Conn
	for range most {
		crowd = append(crowd, <-accepted)
	}
	if last := <-accepted; last.RemoteAddr().(*net.TCPAddr).IP.String() != "127.0.0.3" {
		t.Errorf("connection %d of one address was let in", most+1)
	}
	_ = crowd[0].Close()
	_ = crowd[0].Close() // servers close twice
	from("127.0.0.2")
	if next := <-accepted; next.RemoteAddr().(*net.TCPAddr).IP.String() != "127.0.0.2" {
		t.Error("nobody was let in when one had left")
	}
	from("127.0.0.2")
	from("127.0.0.4")
	if next := <-accepted; next.RemoteAddr().(*net.TCPAddr).IP.String() != "127.0.0.4" {
		t.Error("who closes twice lets two in")
	}
}
