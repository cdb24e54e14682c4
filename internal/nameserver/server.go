package nameserver

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"time"

	"github.com/miekg/dns"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
)

const (
	// largest is how much goes into one datagram, however much the asker offers:
	// what is never cut into fragments on the way.
	largest = 1232
	// patience bounds a question over TCP, and an idle connection.
	patience = 5 * time.Second
)

// Server answers questions from a book.
type Server struct {
	Book *Book
	// Services are the cloud's own, for askers inside virtual networks, and Platform
	// the address that their names lead to.
	Services []Service
	Platform netip.Addr
	// PublicAddress reads the address of a public IP resource, for aliases.
	PublicAddress func(ctx context.Context, id armid.ID) (netip.Addr, error)
	Log           *slog.Logger
}

// Serve answers on the sockets until the context ends, and closes them. network is
// the virtual network that they are in; the zero ID is the machine. It returns nil
// after the end of the context.
func (s *Server) Serve(ctx context.Context, network armid.ID, packets net.PacketConn, listener net.Listener) error {
	v := view{}
	if !network.IsZero() {
		v.network = network.Key()
	}
	limit := newLimit(time.Now)
	handler := dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		if !limit.allow(w.RemoteAddr()) {
			_ = w.Close() // a connection ends; a datagram has none, and gets no answer
			return
		}
		room := dns.MaxMsgSize
		if _, datagram := w.RemoteAddr().(*net.UDPAddr); datagram {
			room = roomFor(q)
		}
		if err := w.WriteMsg(s.reply(ctx, v, q, room)); err != nil {
			s.Log.DebugContext(ctx, "answering a name server's question", "error", err)
		}
	})
	servers := []*dns.Server{
		{PacketConn: packets, Handler: handler, UDPSize: largest},
		{Listener: listener, Handler: handler, ReadTimeout: patience, WriteTimeout: patience, MaxTCPQueries: 128, IdleTimeout: func() time.Duration { return patience }},
	}
	ended := make(chan error, len(servers))
	for _, server := range servers {
		started := make(chan struct{})
		server.NotifyStartedFunc = func() { close(started) }
		go func() { ended <- server.ActivateAndServe() }()
		select { // a server that hasn't started can't be shut down
		case <-started:
		case err := <-ended:
			return errors.Join(err, packets.Close(), listener.Close())
		}
	}
	var failed error
	left := len(servers)
	select {
	case <-ctx.Done():
	case failed = <-ended:
		left--
	}
	for _, server := range servers {
		_ = server.Shutdown() // one that ended by itself says that it isn't started
	}
	for range left {
		<-ended //nolint:errcheck // why the first one ended is told
	}
	if ctx.Err() != nil {
		return nil
	}
	return failed
}

// roomFor is how long a datagram the asker takes.
func roomFor(q *dns.Msg) int {
	if o := q.IsEdns0(); o != nil {
		return min(max(int(o.UDPSize()), dns.MinMsgSize), largest)
	}
	return dns.MinMsgSize
}

// reply answers one message.
func (s *Server) reply(ctx context.Context, v view, q *dns.Msg, room int) *dns.Msg {
	r := new(dns.Msg)
	r.SetReply(q)
	r.Compress = true
	inside := v.network != ""
	r.RecursionAvailable = inside
	if o := q.IsEdns0(); o != nil {
		r.SetEdns0(largest, false)
		if o.Version() != 0 {
			r.Rcode = dns.RcodeBadVers
			return r
		}
	}
	switch {
	case q.Opcode != dns.OpcodeQuery:
		r.Rcode = dns.RcodeNotImplemented
		return r
	case len(q.Question) != 1:
		r.Rcode = dns.RcodeFormatError
		return r
	}
	asked := q.Question[0]
	switch {
	case asked.Qclass != dns.ClassINET, asked.Qtype == dns.TypeAXFR, asked.Qtype == dns.TypeIXFR:
		r.Rcode = dns.RcodeRefused
		return r
	case asked.Qtype == dns.TypeANY: // RFC 8482: an answer to everything serves attackers alone
		r.Answer = []dns.RR{&dns.HINFO{Hdr: dns.RR_Header{Name: asked.Name, Rrtype: dns.TypeHINFO, Class: dns.ClassINET, Ttl: 3600}, Cpu: "RFC8482"}}
		return r
	}
	got, ok := s.ask(ctx, v, dns.CanonicalName(asked.Name), asked.Qtype)
	switch {
	case !ok && inside:
		r.Rcode = dns.RcodeNameError
		return r
	case !ok:
		r.Rcode = dns.RcodeRefused
		return r
	case got.missing:
		r.Rcode = dns.RcodeNameError
	}
	r.Authoritative = !got.referral && !inside
	r.Answer, r.Ns = got.answer, got.authority
	for _, rr := range r.Answer { // resolvers that send names in mixed case want them back so
		if dns.CanonicalName(rr.Header().Name) == dns.CanonicalName(asked.Name) {
			rr.Header().Name = asked.Name
		}
	}
	r.Truncate(room)
	return r
}
