package record_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/utils/clock"
	testclock "k8s.io/utils/clock/testing"

	"github.com/lanyard-project/lanyard/internal/obs/record"
)

func TestRecordHoldsALineAnEntry(t *testing.T) {
	path := filepath.Join(t.TempDir(), "record", "record.jsonl")
	clock := testclock.NewFakeClock(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	log, err := record.Open(record.Options{Path: path, Clock: clock, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	log.Token(record.Token{Via: "metadata", ObjectID: "o", Issued: true, TokenID: "u"})
	log.Decision(record.Decision{Method: "GET", Path: "/subscriptions", Caller: "o\nfake line", Allowed: false, Status: 403})

	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	if len(lines) != 2 {
		t.Fatalf("%d lines: %s", len(lines), text)
	}
	for i, kind := range []string{"token", "decision"} {
		var entry map[string]any
		if err := json.Unmarshal([]byte(lines[i]), &entry); err != nil || entry["kind"] != kind || entry["time"] != "2026-01-01T00:00:00Z" {
			t.Errorf("%s: %v", lines[i], err)
		}
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	var none *record.Log
	none.Token(record.Token{})
	if err := none.Close(); err != nil {
		t.Error(err)
	}
}

// tally counts as a meter would.
type tally map[string]int

func (c tally) Decision(allowed bool)         { c[fmt.Sprint("decision ", allowed)]++ }
func (c tally) Token(via string, issued bool) { c[fmt.Sprint("token ", via, " ", issued)]++ }

func TestWhatIsRecordedIsCounted(t *testing.T) {
	counted := tally{}
	log, err := record.Open(record.Options{Path: filepath.Join(t.TempDir(), "record.jsonl"), Clock: clock.RealClock{}, Log: slog.New(slog.DiscardHandler), Counter: counted})
	if err != nil {
		t.Fatal(err)
	}
	log.Decision(record.Decision{Allowed: true})
	log.Decision(record.Decision{})
	log.Token(record.Token{Via: "metadata", Issued: true})
	log.Request(record.Request{Path: "/v1.0/me"})
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(tally{"decision true": 1, "decision false": 1, "token metadata true": 1}, counted); diff != "" {
		t.Error(diff)
	}
	var none *record.Log
	none.Token(record.Token{})
}
