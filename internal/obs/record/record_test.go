package record_test

import (
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

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
