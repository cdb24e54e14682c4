package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lanyard-project/lanyard/internal/store"
	"github.com/lanyard-project/lanyard/internal/store/etcdserver"
)

const (
	connections = 8  // as the peers were measured
	writers     = 64 // when many write at once
	span        = 3 * time.Second
	identities  = "Microsoft.ManagedIdentity/userAssignedIdentities"
)

// arm measures ARM and the token service of a lanyardd of its own, with one
// resource and with many.
func (b *bench) arm(ctx context.Context) (rows []row, err error) {
	if err := b.cloud.Down(ctx); err != nil {
		return nil, fmt.Errorf("taking down what an earlier run left: %w", err)
	}
	fmt.Fprintln(b.progress, "measuring ARM and the token service")
	m := &measured{bench: b}
	folder, err := os.MkdirTemp("", "bench")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(folder)
	address, pid, trust, stop, err := startNoop(ctx, folder)
	if err != nil {
		return nil, err
	}
	defer stop()
	m.noopPID = pid
	m.noop = load{address: address, tls: trust, connections: connections, request: func(int64) []byte { return wire("GET", "/", "", "", "") }}
	m.etcd, err = m.etcdRates(ctx, folder)
	if err != nil {
		return nil, err
	}
	if err := b.cloud.Start(ctx); err != nil {
		return nil, err
	}
	defer func() {
		if down := b.cloud.Down(context.WithoutCancel(ctx)); err == nil {
			err = down
		}
	}()
	return m.all(ctx)
}

// measured is a cloud under measurement.
type measured struct {
	*bench
	noop    load
	noopPID int
	etcd    map[int]float64 // puts per second by the number of clients
	trust   *tls.Config
	token   string
	group   string // path of the resource group
	rows    []row
	made    int64
}

func (m *measured) all(ctx context.Context) ([]row, error) {
	if err := m.signIn(ctx); err != nil {
		return nil, err
	}
	put := func(path, version, body string) error {
		_, err := m.load(1, func(int64) []byte {
			return wire("PUT", path+"?api-version="+version, m.token, "application/json", body)
		}).times(ctx, 1)
		return err
	}
	if err := put(m.group, "2021-04-01", `{"location":"eastus"}`); err != nil {
		return nil, err
	}
	// As many as a page of the list has, so that it has the same page later.
	for _, name := range []string{"one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"} {
		if err := put(m.identity(name), "2023-01-31", `{"location":"eastus"}`); err != nil {
			return nil, err
		}
	}
	if err := m.reads(ctx, "1"); err != nil {
		return m.rows, err
	}
	if err := m.writes(ctx); err != nil {
		return m.rows, err
	}
	before, made := m.memory(), m.made
	for _, many := range m.resources {
		if err := m.fill(ctx, int64(many)); err != nil {
			return m.rows, err
		}
		name := short(many)
		m.add("arm_memory_per_10k_at_"+name, "megabytes", (m.memory()-before)/1e6, float64(m.made-made)/1e4,
			"resident memory of lanyardd for 10,000 identities with their principals")
		if err := m.reads(ctx, name); err != nil {
			return m.rows, err
		}
	}
	return m.rows, nil
}

// short names a number as the rows do: 10k.
func short(n int) string {
	if n%1000 == 0 {
		return strconv.Itoa(n/1000) + "k"
	}
	return strconv.Itoa(n)
}

func (m *measured) add(name, unit string, numerator, denominator float64, about string) {
	m.rows = append(m.rows, newRow(name, unit, numerator, denominator, about))
	fmt.Fprintf(m.progress, "  %-28s %9.3f %s (%.0f / %.0f)\n", name, numerator/denominator, unit, numerator, denominator)
}

func (m *measured) load(connections int, request func(int64) []byte) load {
	return load{address: m.cloud.Listen, tls: m.trust, connections: connections, request: request}
}

func (m *measured) identity(name string) string {
	return m.group + "/providers/" + identities + "/" + name
}

// signIn gets the administrator's token.
func (m *measured) signIn(ctx context.Context) (err error) {
	if m.trust, err = trusting(m.cloud.CAFile()); err != nil {
		return err
	}
	admin, err := m.cloud.Administrator()
	if err != nil {
		return err
	}
	client, err := m.cloud.Client()
	if err != nil {
		return err
	}
	response, err := client.PostForm(m.cloud.Origin()+"/"+admin.TenantID+"/oauth2/v2.0/token", m.form()) //nolint:noctx // seconds, in a benchmark
	if err != nil {
		return err
	}
	defer response.Body.Close()
	var answer struct {
		Token string `json:"access_token"`
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil || answer.Token == "" {
		return fmt.Errorf("signing in: %s, %w", response.Status, err)
	}
	m.token, m.group = answer.Token, "/subscriptions/"+admin.SubscriptionID+"/resourceGroups/bench"
	return nil
}

func (m *measured) form() url.Values {
	admin, err := m.cloud.Administrator()
	if err != nil {
		return nil // signIn has met it
	}
	return url.Values{"grant_type": {"client_credentials"}, "client_id": {admin.ClientID}, "client_secret": {admin.ClientSecret.Reveal()},
		"scope": {"https://management.azure.com/.default"}}
}

// reads measures what changes nothing: each beside the empty handler, in turns,
// so that both have the same machine.
func (m *measured) reads(ctx context.Context, with string) error {
	admin, err := m.cloud.Administrator()
	if err != nil {
		return err
	}
	get := wire("GET", m.identity("one")+"?api-version=2023-01-31", m.token, "", "")
	list := wire("GET", m.group+"/providers/"+identities+"?api-version=2023-01-31&%24top=10", m.token, "", "")
	token := wire("POST", "/"+admin.TenantID+"/oauth2/v2.0/token", "", "application/x-www-form-urlencoded", m.form().Encode())
	same := func(request []byte) func(int64) []byte { return func(int64) []byte { return request } }
	measures := []struct {
		name, about string
		request     func(int64) []byte
	}{
		{"arm_get_vs_noop_" + with, "GET of an identity/s: authenticated, decided, recorded / empty TLS handler", same(get)},
		{"arm_get_vs_noop_alike_" + with, "GET of an identity/s / empty TLS handler that is sent the same request", same(get)},
		{"arm_list_vs_noop_" + with, "GET of ten identities/s / empty TLS handler", same(list)},
		{"sts_secret_vs_noop_" + with, "signed tokens by client secret/s / empty TLS handler", same(token)},
	}
	if m.made > 0 {
		measures = append(measures, measures[0])
		last := &measures[len(measures)-1]
		last.name, last.about = "arm_get_any_vs_noop_"+with, "GET of any one of them/s / empty TLS handler"
		last.request = func(int64) []byte {
			return wire("GET", m.numbered(1+rand.Int64N(m.made))+"?api-version=2023-01-31", m.token, "", "")
		} //nolint:gosec // which one is no secret
	}
	for _, one := range measures {
		noop := m.noop
		if strings.Contains(one.name, "_alike_") {
			noop.request = one.request
		}
		var theirs, ours, theirCPU, ourCPU float64
		const turns = 2
		for range turns {
			before := cpuSeconds(m.noopPID)
			t, err := noop.during(ctx, span/turns)
			if err != nil {
				return fmt.Errorf("the empty handler: %w", err)
			}
			theirCPU += t * (span / turns).Seconds() / (cpuSeconds(m.noopPID) - before) / turns
			before = cpuSeconds(m.pid())
			o, err := m.load(connections, one.request).during(ctx, span/turns)
			if err != nil {
				return fmt.Errorf("%s: %w", one.name, err)
			}
			ourCPU += o * (span / turns).Seconds() / (cpuSeconds(m.pid()) - before) / turns
			theirs, ours = theirs+t/turns, ours+o/turns
		}
		m.add(one.name, ratio, ours, theirs, one.about)
		// The same by the processor time of the two servers, which neighbours on the
		// machine don't disturb.
		m.add(one.name+"_cpu", ratio, ourCPU, theirCPU, "the same per second of the server's processor time")
	}
	return nil
}

// writes measures changes of one resource, and of many by many.
func (m *measured) writes(ctx context.Context) error {
	var n atomic.Int64
	update := func(int64) []byte {
		return wire("PUT", m.identity("one")+"?api-version=2023-01-31", m.token, "application/json", fmt.Sprintf(`{"location":"eastus","tags":{"n":"%d"}}`, n.Add(1)))
	}
	rate, err := m.load(1, update).during(ctx, span)
	if err != nil {
		return fmt.Errorf("updating: %w", err)
	}
	m.add("arm_put_vs_etcd_put_1", ratio, rate, m.etcd[1], "PUT of one identity/s by one client / etcd puts")
	group := func(i int64) []byte {
		return wire("PUT", fmt.Sprintf("%s-%05d?api-version=2021-04-01", m.group, i), m.token, "application/json", `{"location":"eastus"}`)
	}
	const some = 3000
	if rate, err = m.load(writers, group).times(ctx, some); err != nil {
		return fmt.Errorf("creating groups: %w", err)
	}
	m.add("arm_group_vs_etcd_put_64", ratio, rate, m.etcd[writers], "new resource groups/s, durable, by 64 clients / etcd puts")
	for _, clients := range []int{connections, writers} {
		if err := m.creates(ctx, clients, some, strconv.Itoa(clients), fmt.Sprintf("new identities with their principals/s, durable, by %d clients / etcd puts", clients)); err != nil {
			return err
		}
	}
	return nil
}

// creates makes identities, and tells how many a second and what each takes of the
// processors, which neighbours on the machine disturb less.
func (m *measured) creates(ctx context.Context, clients int, n int64, name, about string) error {
	parts := []struct {
		name   string
		pid    int
		before float64
	}{{name: "lanyardd", pid: m.pid()}, {name: "etcd", pid: m.etcdPID()}, {name: "client", pid: os.Getpid()}}
	for i := range parts {
		parts[i].before = cpuSeconds(parts[i].pid)
	}
	rate, err := m.load(clients, m.create).times(ctx, n)
	if err != nil {
		return fmt.Errorf("creating: %w", err)
	}
	m.add("arm_create_vs_etcd_put_"+name, ratio, rate, m.etcd[clients], about)
	for _, p := range parts {
		m.add("arm_create_cpu_"+p.name+"_"+name, microseconds, (cpuSeconds(p.pid)-p.before)*1e6, float64(n), "processor time of "+p.name+" for each of them")
	}
	return nil
}

func (m *measured) create(int64) []byte {
	return wire("PUT", m.numbered(atomic.AddInt64(&m.made, 1))+"?api-version=2023-01-31", m.token, "application/json", `{"location":"eastus","tags":{"made":"by the benchmark"}}`)
}

// numbered is the path of the n-th identity that create made.
func (m *measured) numbered(n int64) string { return m.identity(fmt.Sprintf("id-%07d", n)) }

// fill creates identities until there are so many.
func (m *measured) fill(ctx context.Context, many int64) error {
	left := many - m.made
	if left <= 0 {
		return nil
	}
	fmt.Fprintf(m.progress, "  creating %d identities\n", left)
	return m.creates(ctx, writers, left, "to_"+short(int(many)), "new identities/s on the way to so many, durable / etcd puts")
}

// etcdRates measures puts of a document's size into an etcd of its own, as
// lanyardd starts it.
func (m *measured) etcdRates(ctx context.Context, folder string) (map[int]float64, error) {
	server, err := etcdserver.Start(ctx, etcdserver.Options{
		DataDir: filepath.Join(folder, "etcd"), RunDir: filepath.Join(folder, "run"), Executable: filepath.Join(m.cloud.Build, "bin", "lanyardd"), Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return nil, err
	}
	defer func() { _ = server.Stop(context.WithoutCancel(ctx)) }()
	if _, err := server.EnsureUser(ctx, "bench", "/bench/"); err != nil {
		return nil, err
	}
	s, err := server.Store("bench")
	if err != nil {
		return nil, err
	}
	defer s.Close()
	value := []byte(strings.Repeat("x", 1000))
	rates := map[int]float64{}
	for _, clients := range []int{1, connections, writers} {
		var done atomic.Int64
		var group sync.WaitGroup
		until, errs := time.Now().Add(span), make([]error, clients)
		for c := range clients {
			group.Go(func() {
				for time.Now().Before(until) && errs[c] == nil {
					_, errs[c] = s.Txn(ctx, nil, []store.Op{store.Put(fmt.Sprintf("/bench/%d", done.Add(1)), value)})
				}
			})
		}
		group.Wait()
		for _, err := range errs {
			if err != nil {
				return nil, fmt.Errorf("etcd's own rate: %w", err)
			}
		}
		rates[clients] = float64(done.Load()) / span.Seconds()
	}
	return rates, nil
}
