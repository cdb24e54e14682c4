package nameserver_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"
	"k8s.io/utils/clock"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/nameserver"
	"github.com/lanyard-project/lanyard/internal/store"
	"github.com/lanyard-project/lanyard/internal/store/storetest"
)

const group = "/subscriptions/0c37e7b6-4d0e-4bf1-a8f9-1f2c6f3a9d10/resourceGroups/rg/providers/Microsoft.Network/"

// patience is how long a test waits for an answer.
const patience = 2 * time.Minute

// world is a server with one socket on the machine and one of each network.
type world struct {
	*testing.T
	store *store.Store
	book  *nameserver.Book
	at    map[string]string // addresses, by network
}

func newWorld(t *testing.T, networks ...string) *world {
	t.Helper()
	w := &world{T: t, store: storetest.New(t), at: map[string]string{}}
	log := slog.New(slog.DiscardHandler)
	w.book = nameserver.NewBook(w.store, clock.RealClock{}, log)
	if err := w.book.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	server := &nameserver.Server{Book: w.book, Log: log, Platform: nameserver.Platform(), Services: []nameserver.Service{
		{Domain: "blob.core.windows.net.", Exists: func(_ context.Context, name string) (bool, error) { return name == "files", nil }},
		{Domain: "management.azure.com."},
	}, PublicAddress: func(_ context.Context, id armid.ID) (netip.Addr, error) {
		if id.Name() != "front" {
			return netip.Addr{}, errors.New("gone")
		}
		return netip.MustParseAddr("198.18.0.7"), nil
	}}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1+len(networks))
	for _, network := range append([]string{""}, networks...) {
		var id armid.ID
		if network != "" {
			id = armid.MustParse(group + "virtualNetworks/" + network)
		}
		packets, err := net.ListenPacket("udp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		listener, err := net.Listen("tcp4", "127.0.0.1:0") // that number may be somebody's in TCP
		if err != nil {
			t.Fatal(err)
		}
		w.at[network+"/udp"], w.at[network+"/tcp"] = packets.LocalAddr().String(), listener.Addr().String()
		go func() { ended <- server.Serve(ctx, id, packets, listener) }()
	}
	t.Cleanup(func() {
		cancel()
		for range 1 + len(networks) {
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}
	})
	return w
}

// put writes documents as the pipeline does: into the store, which tells the book.
func (w *world) put(documents map[string]string) {
	w.Helper()
	for _, path := range slices.Sorted(mapKeys(documents)) {
		id := armid.MustParse(group + path)
		r := &resource.Resource{ID: id, Properties: json.RawMessage(documents[path]), SystemData: resource.SystemData{CreatedAt: time.Now()}}
		value, err := r.Store()
		if err != nil {
			w.Fatal(err)
		}
		if _, err := w.store.Txn(w.Context(), nil, []store.Op{store.Put(resource.StoreKey(id), value)}); err != nil {
			w.Fatal(err)
		}
	}
}

func (w *world) remove(path string) {
	w.Helper()
	id := armid.MustParse(group + path)
	if _, err := w.store.Txn(w.Context(), nil, []store.Op{store.Delete(resource.StoreKey(id))}); err != nil {
		w.Fatal(err)
	}
}

func mapKeys(m map[string]string) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// ask returns the code and the answers, each as TYPE and data.
func (w *world) ask(network, question string, protocol string) (*dns.Msg, string) {
	w.Helper()
	name, kind, _ := strings.Cut(question, " ")
	q := new(dns.Msg).SetQuestion(name, dns.StringToType[kind])
	r, _, err := (&dns.Client{Net: protocol, Timeout: patience}).ExchangeContext(w.Context(), q, w.at[network+"/"+protocol])
	if err != nil {
		w.Fatalf("%s over %s: %v", question, protocol, err)
	}
	out := []string{dns.RcodeToString[r.Rcode]}
	for _, rr := range r.Answer {
		out = append(out, dns.TypeToString[rr.Header().Rrtype]+" "+strings.TrimPrefix(rr.String(), rr.Header().String()))
	}
	return r, strings.Join(out, "; ")
}

const soa = `{"ttl":3600,"soaRecord":{"host":"ns1-01.azure-dns.com.","email":"hostmaster.example.","serialNumber":1,"refreshTime":3600,"retryTime":300,"expireTime":2419200,"minimumTTL":300}}`

func zones() map[string]string {
	return map[string]string{
		"dnsZones/example.com":                                  `{}`,
		"dnsZones/example.com/SOA/@":                            soa,
		"dnsZones/example.com/NS/@":                             `{"TTL":172800,"NSRecords":[{"nsdname":"ns1-01.azure-dns.com."}]}`,
		"dnsZones/example.com/A/@":                              `{"TTL":60,"ARecords":[{"ipv4Address":"192.0.2.1"}]}`,
		"dnsZones/example.com/A/www":                            `{"TTL":60,"ARecords":[{"ipv4Address":"192.0.2.2"},{"ipv4Address":"192.0.2.3"}]}`,
		"dnsZones/example.com/AAAA/www":                         `{"TTL":60,"AAAARecords":[{"ipv6Address":"2001:db8::1"}]}`,
		"dnsZones/example.com/CNAME/alias":                      `{"TTL":60,"CNAMERecord":{"cname":"www.example.com"}}`,
		"dnsZones/example.com/CNAME/away":                       `{"TTL":60,"CNAMERecord":{"cname":"www.example.net"}}`,
		"dnsZones/example.com/CNAME/loop":                       `{"TTL":60,"CNAMERecord":{"cname":"loop.example.com"}}`,
		"dnsZones/example.com/TXT/text":                         `{"TTL":60,"TXTRecords":[{"value":["a \"b\" \\c"]}]}`,
		"dnsZones/example.com/MX/@":                             `{"TTL":60,"MXRecords":[{"preference":10,"exchange":"mail.example.com"}]}`,
		"dnsZones/example.com/SRV/_s._tcp":                      `{"TTL":60,"SRVRecords":[{"priority":1,"weight":2,"port":3,"target":"www.example.com"}]}`,
		"dnsZones/example.com/CAA/@":                            `{"TTL":60,"caaRecords":[{"flags":0,"tag":"issue","value":"ca.example"}]}`,
		"dnsZones/example.com/PTR/one":                          `{"TTL":60,"PTRRecords":[{"ptrdname":"host.example.com"}]}`,
		"dnsZones/example.com/A/deep.er":                        `{"TTL":60,"ARecords":[{"ipv4Address":"192.0.2.4"}]}`,
		"dnsZones/example.com/A/*.wild":                         `{"TTL":60,"ARecords":[{"ipv4Address":"192.0.2.5"}]}`,
		"dnsZones/example.com/A/is.wild":                        `{"TTL":60,"ARecords":[{"ipv4Address":"192.0.2.6"}]}`,
		"dnsZones/example.com/NS/child":                         `{"TTL":60,"NSRecords":[{"nsdname":"ns.elsewhere.example"}]}`,
		"dnsZones/example.com/A/lb":                             `{"TTL":60,"targetResource":{"id":"` + group + `publicIPAddresses/front"}}`,
		"dnsZones/example.com/A/gone":                           `{"TTL":60,"targetResource":{"id":"` + group + `publicIPAddresses/none"}}`,
		"dnsZones/example.com/A/same":                           `{"TTL":60,"targetResource":{"id":"` + group + `dnsZones/example.com/A/www"}}`,
		"dnsZones/sub.example.com":                              `{}`,
		"dnsZones/sub.example.com/SOA/@":                        soa,
		"dnsZones/sub.example.com/A/x":                          `{"TTL":60,"ARecords":[{"ipv4Address":"192.0.2.9"}]}`,
		"privateDnsZones/corp.internal":                         `{}`,
		"privateDnsZones/corp.internal/SOA/@":                   soa,
		"privateDnsZones/corp.internal/A/db":                    `{"ttl":10,"aRecords":[{"ipv4Address":"10.1.0.4"}]}`,
		"privateDnsZones/corp.internal/CNAME/w":                 `{"ttl":10,"cnameRecord":{"cname":"www.example.com"}}`,
		"privateDnsZones/corp.internal/virtualNetworkLinks/one": `{"virtualNetwork":{"id":"` + group + `virtualNetworks/one"}}`,
		"privateDnsZones/example.com":                           `{}`,
		"privateDnsZones/example.com/SOA/@":                     soa,
		"privateDnsZones/example.com/A/www":                     `{"ttl":10,"aRecords":[{"ipv4Address":"10.1.0.5"}]}`,
		"privateDnsZones/example.com/virtualNetworkLinks/two":   `{"virtualNetwork":{"id":"` + group + `virtualNetworks/two"},"resolutionPolicy":"NxDomainRedirect"}`,
	}
}

func TestZonesAreAnsweredFrom(t *testing.T) {
	w := newWorld(t, "one", "two")
	w.put(zones())
	for _, c := range []struct{ network, question, want string }{
		{"", "example.com. A", "NOERROR; A 192.0.2.1"},
		{"", "WWW.Example.com. A", "NOERROR; A 192.0.2.2; A 192.0.2.3"},
		{"", "www.example.com. AAAA", "NOERROR; AAAA 2001:db8::1"},
		{"", "www.example.com. MX", "NOERROR"},
		{"", "nobody.example.com. A", "NXDOMAIN"},
		{"", "alias.example.com. A", "NOERROR; CNAME www.example.com.; A 192.0.2.2; A 192.0.2.3"},
		{"", "alias.example.com. CNAME", "NOERROR; CNAME www.example.com."},
		{"", "away.example.com. A", "NOERROR; CNAME www.example.net."},
		{"", "text.example.com. TXT", `NOERROR; TXT "a \"b\" \\c"`},
		{"", "example.com. MX", "NOERROR; MX 10 mail.example.com."},
		{"", "_s._tcp.example.com. SRV", "NOERROR; SRV 1 2 3 www.example.com."},
		{"", "example.com. CAA", `NOERROR; CAA 0 issue "ca.example"`},
		{"", "one.example.com. PTR", "NOERROR; PTR host.example.com."},
		{"", "example.com. SOA", "NOERROR; SOA ns1-01.azure-dns.com. hostmaster.example. 1 3600 300 2419200 300"},
		{"", "er.example.com. A", "NOERROR"}, // nothing is there, and something below
		{"", "any.wild.example.com. A", "NOERROR; A 192.0.2.5"},
		{"", "a.b.wild.example.com. A", "NOERROR; A 192.0.2.5"},
		{"", "is.wild.example.com. A", "NOERROR; A 192.0.2.6"},
		{"", "below.is.wild.example.com. A", "NXDOMAIN"}, // RFC 4592: the closest ancestor has no asterisk
		{"", "x.child.example.com. A", "NOERROR"},
		{"", "lb.example.com. A", "NOERROR; A 198.18.0.7"},
		{"", "gone.example.com. A", "NOERROR"},
		{"", "same.example.com. A", "NOERROR; A 192.0.2.2; A 192.0.2.3"},
		{"", "x.sub.example.com. A", "NOERROR; A 192.0.2.9"}, // the closest zone is in charge
		{"", "www.example.net. A", "REFUSED"},
		{"", "db.corp.internal. A", "REFUSED"}, // private zones aren't the machine's business
		{"", "files.blob.core.windows.net. A", "REFUSED"},
		{"", "example.com. AXFR", ""},
		{"one", "db.corp.internal. A", "NOERROR; A 10.1.0.4"},
		{"one", "w.corp.internal. A", "NOERROR; CNAME www.example.com.; A 192.0.2.2; A 192.0.2.3"},
		{"one", "www.example.com. A", "NOERROR; A 192.0.2.2; A 192.0.2.3"},
		{"one", "files.blob.core.windows.net. A", "NOERROR; A 168.63.129.16"},
		{"one", "files.blob.core.windows.net. AAAA", "NOERROR"},
		{"one", "nobody.blob.core.windows.net. A", "NXDOMAIN"},
		{"one", "management.azure.com. A", "NOERROR; A 168.63.129.16"},
		{"one", "www.example.net. A", "NXDOMAIN"}, // there is no way out
		{"two", "db.corp.internal. A", "NXDOMAIN"},
		{"two", "www.example.com. A", "NOERROR; A 10.1.0.5"},
		{"two", "alias.example.com. A", "NOERROR; CNAME www.example.com.; A 10.1.0.5"}, // the private zone hasn't it
	} {
		for _, protocol := range []string{"udp", "tcp"} {
			if c.want == "" {
				continue
			}
			if _, got := w.ask(c.network, c.question, protocol); got != c.want {
				t.Errorf("%q asks %s over %s: %s, want %s", c.network, c.question, protocol, got, c.want)
			}
		}
	}
	r, _ := w.ask("", "nobody.example.com. A", "udp")
	if len(r.Ns) != 1 || r.Ns[0].Header().Ttl != 300 || !r.Authoritative || r.RecursionAvailable {
		t.Errorf("a negative answer has the SOA for as long as it holds: %v", r)
	}
	r, _ = w.ask("", "x.child.example.com. A", "udp")
	if len(r.Ns) != 1 || r.Ns[0].Header().Rrtype != dns.TypeNS || r.Authoritative {
		t.Errorf("a delegated name: %v", r)
	}
	if r, _ = w.ask("one", "db.corp.internal. A", "udp"); !r.RecursionAvailable {
		t.Errorf("stub resolvers want recursion: %v", r)
	}
	if r, got := w.ask("", "loop.example.com. A", "udp"); len(r.Answer) > 16 {
		t.Errorf("a loop: %s", got)
	}
}

func TestChangesAreAnsweredWithAtOnce(t *testing.T) {
	w := newWorld(t, "one")
	w.put(zones())
	steps := []struct {
		do   func()
		want string
	}{
		{func() {}, "NOERROR; A 10.1.0.4"},
		{func() {
			w.put(map[string]string{"privateDnsZones/corp.internal/A/db": `{"ttl":10,"aRecords":[{"ipv4Address":"10.1.0.99"}]}`})
		}, "NOERROR; A 10.1.0.99"},
		{func() { w.remove("privateDnsZones/corp.internal/A/db") }, "NXDOMAIN"},
		{func() { w.put(zones()) }, "NOERROR; A 10.1.0.4"},
		{func() { w.remove("privateDnsZones/corp.internal/virtualNetworkLinks/one") }, "NXDOMAIN"},
		{func() { w.put(zones()) }, "NOERROR; A 10.1.0.4"},
		{func() { w.remove("privateDnsZones/corp.internal") }, "NXDOMAIN"},
		{func() { w.put(zones()) }, "NOERROR; A 10.1.0.4"},
	}
	for i, step := range steps {
		step.do()
		if _, got := w.ask("one", "db.corp.internal. A", "udp"); got != step.want {
			t.Errorf("step %d: %s, want %s", i, got, step.want)
		}
	}
}

// TestOfTwoPublicZonesTheOlderAnswers: another tenant can make a zone of any name,
// and must not take the name over by that.
func TestOfTwoPublicZonesTheOlderAnswers(t *testing.T) {
	w := newWorld(t)
	w.put(map[string]string{"dnsZones/a.example": `{}`, "dnsZones/a.example/A/@": `{"TTL":60,"ARecords":[{"ipv4Address":"192.0.2.1"}]}`})
	other := armid.MustParse("/subscriptions/00000000-0000-4bf1-a8f9-1f2c6f3a9d10/resourceGroups/a/providers/Microsoft.Network/dnsZones/a.example")
	for id, properties := range map[string]string{other.String(): `{}`, other.String() + "/A/@": `{"TTL":60,"ARecords":[{"ipv4Address":"192.0.2.66"}]}`} {
		r := &resource.Resource{ID: armid.MustParse(id), Properties: json.RawMessage(properties), SystemData: resource.SystemData{CreatedAt: time.Now().Add(time.Second)}}
		value, err := r.Store()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.store.Txn(t.Context(), nil, []store.Op{store.Put(resource.StoreKey(r.ID), value)}); err != nil {
			t.Fatal(err)
		}
	}
	if _, got := w.ask("", "a.example. A", "udp"); got != "NOERROR; A 192.0.2.1" {
		t.Error(got)
	}
	w.remove("dnsZones/a.example")
	if _, got := w.ask("", "a.example. A", "udp"); got != "NOERROR; A 192.0.2.66" {
		t.Errorf("with the older zone gone: %s", got)
	}
}

func TestAnswersFitTheAsker(t *testing.T) {
	w := newWorld(t)
	many := map[string]any{"TTL": 60, "ARecords": []any{}}
	for i := range 200 {
		many["ARecords"] = append(many["ARecords"].([]any), map[string]string{"ipv4Address": netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}).String()})
	}
	raw, err := json.Marshal(many)
	if err != nil {
		t.Fatal(err)
	}
	w.put(map[string]string{"dnsZones/big.example": `{}`, "dnsZones/big.example/A/@": string(raw)})
	for protocol, want := range map[string]struct {
		cut bool
		all int
	}{"udp": {cut: true}, "tcp": {all: 200}} {
		r, _ := w.ask("", "big.example. A", protocol)
		r.Compress = true // as it came
		if r.Truncated != want.cut || want.all > 0 && len(r.Answer) != want.all || protocol == "udp" && r.Len() > dns.MinMsgSize {
			t.Errorf("over %s: truncated %v, %d answers, %d bytes", protocol, r.Truncated, len(r.Answer), r.Len())
		}
	}
}

func TestWhatIsNoQuestionIsRefused(t *testing.T) {
	w := newWorld(t)
	w.put(zones())
	for name, change := range map[string]func(*dns.Msg){
		"REFUSED": func(q *dns.Msg) { q.Question[0].Qclass = dns.ClassCHAOS },
		"NOTIMP":  func(q *dns.Msg) { q.Opcode = dns.OpcodeUpdate },
		"BADVERS": func(q *dns.Msg) { q.SetEdns0(1232, false); q.IsEdns0().SetVersion(1) },
		"NOERROR": func(q *dns.Msg) { q.Question[0].Qtype = dns.TypeANY },
	} {
		q := new(dns.Msg).SetQuestion("example.com.", dns.TypeA)
		change(q)
		r, _, err := (&dns.Client{Timeout: patience}).ExchangeContext(t.Context(), q, w.at["/udp"])
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		code := dns.RcodeToString[r.Rcode]
		if r.Rcode == dns.RcodeBadVers {
			code = "BADVERS"
		}
		if diff := cmp.Diff(name, code); diff != "" {
			t.Error(diff)
		}
		if len(r.Answer) > 1 {
			t.Errorf("an answer that serves attackers: %v", r.Answer)
		}
	}
}
