package record_test

import (
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	testclock "k8s.io/utils/clock/testing"

	"github.com/lanyard-project/lanyard/internal/obs/record"
)

// opened is a record in a folder of its own, and what reads its lines.
func opened(t testing.TB, at time.Time) (*record.Log, func() []string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "record.jsonl")
	log, err := record.Open(record.Options{Path: path, Clock: testclock.NewFakePassiveClock(at), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = log.Close() })
	return log, func() []string {
		t.Helper()
		log.Flush()
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	}
}

// FuzzDecisionIsWhatJSONMakesOfIt: lines that are written out by hand are, byte by
// byte, what encoding/json makes of the same entry, whatever callers put into it.
func FuzzDecisionIsWhatJSONMakesOfIt(f *testing.F) {
	f.Add("GET", "/subscriptions/s", "o", "", 200, true, int64(1767225600))
	f.Add("PUT", "/a\nb", "\"quoted\\", "<script>&", 403, false, int64(0))
	f.Add("", "\u2028ümlaut\xff", "\x00\x1f\x7f", "a/1.0 (x)", -1, true, int64(4102444800))
	f.Fuzz(func(t *testing.T, method, path, caller, agent string, status int, allowed bool, at int64) {
		if at < 0 || at > 253402300799 {
			return // no year that JSON takes
		}
		when := time.Unix(at, at%1e9).UTC()
		log, lines := opened(t, when)
		d := record.Decision{
			CorrelationID: caller + "c", RequestID: method, TenantID: agent, Caller: caller, AppID: path, TokenID: caller, Method: method, Path: path,
			Action: agent, Scope: path, Allowed: allowed, Assignment: caller, Status: status, Code: method, Reason: agent, Remote: caller,
			Called: method + " " + path, APIVersion: agent, UserAgent: agent,
		}
		log.Decision(d)
		want, err := json.Marshal(struct {
			Time time.Time `json:"time"`
			Kind string    `json:"kind"`
			record.Decision
		}{when, "decision", d})
		if err != nil {
			t.Fatal(err)
		}
		if got := lines(); len(got) != 1 || got[0] != string(want) {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	})
}

func TestManyAtOnceLoseNoLine(t *testing.T) {
	log, lines := opened(t, time.Unix(0, 0))
	const writers, each = 8, 2000
	var group sync.WaitGroup
	for range writers {
		group.Go(func() {
			for range each {
				log.Decision(record.Decision{Method: "GET", Path: "/" + strings.Repeat("x", 1000)})
			}
		})
	}
	group.Wait()
	got := lines()
	if len(got) != writers*each {
		t.Fatalf("%d lines, want %d", len(got), writers*each)
	}
	for _, line := range got {
		if !json.Valid([]byte(line)) {
			t.Fatalf("a torn line: %s", line)
		}
	}
}

func TestDecisionAllocatesNothing(t *testing.T) {
	log, _ := opened(t, time.Unix(0, 0))
	d := record.Decision{RequestID: "r", Caller: "c", Method: "GET", Path: "/subscriptions/s", Action: "a/read", Scope: "/subscriptions/s", Allowed: true, Status: 200}
	for range 10000 {
		log.Decision(d) // the buffer grows to its size
	}
	log.Flush()
	if n := testing.AllocsPerRun(1000, func() { log.Decision(d) }); n > 0 {
		t.Errorf("%v allocations a line", n)
	}
}

func BenchmarkDecision(b *testing.B) {
	log, _ := opened(b, time.Unix(0, 0))
	d := record.Decision{RequestID: "8e3af657-a8ff-443c-a75c-2fe8c4bcb635", Caller: "8e3af657-a8ff-443c-a75c-2fe8c4bcb635", Method: "GET",
		Path: "/subscriptions/8e3af657-a8ff-443c-a75c-2fe8c4bcb635/resourceGroups/g", Action: "a/read", Scope: "/subscriptions/s", Allowed: true, Status: 200}
	b.ReportAllocs()
	for b.Loop() {
		log.Decision(d)
	}
}
