package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestMetricsOfABenchmark(t *testing.T) {
	output := "goos: linux\nBenchmarkMintOther-2 1 5 mint_rps\nBenchmarkMint-2   \t     540\t   4090440 ns/op\t  0.7486 ratio\t 1.5e+03 mint_rps\nPASS\n"
	want := map[string]float64{"ns/op": 4090440, "ratio": 0.7486, "mint_rps": 1500}
	if diff := cmp.Diff(want, metrics(output, "BenchmarkMint")); diff != "" {
		t.Error(diff)
	}
}

func TestPercentile(t *testing.T) {
	var values []time.Duration
	for i := range 20 {
		values = append(values, time.Duration(20-i))
	}
	for p, want := range map[float64]time.Duration{0: 1, 50: 10, 95: 19, 99: 20, 100: 20} {
		if got := percentile(values, p); got != want {
			t.Errorf("%v%%: %d, want %d", p, got, want)
		}
	}
}

func TestTokenLine(t *testing.T) {
	const first = "2026-01-02T03:04:05.678901234Z "
	got, err := tokenLine(first+"HTTP 200 client_id=a resource=r expires_in=1\n", "a")
	if want := time.Date(2026, 1, 2, 3, 4, 5, 678901234, time.UTC); err != nil || !got.Equal(want) {
		t.Errorf("%v, %v", got, err)
	}
	for name, log := range map[string]string{
		"nothing":          "",
		"a refusal":        first + `HTTP 400 {"error":"invalid_request"}` + "\n",
		"another identity": first + "HTTP 200 client_id=b resource=r expires_in=1\n",
	} {
		if at, err := tokenLine(log, "a"); err == nil {
			t.Errorf("%s: taken for a token at %v", name, at)
		}
	}
}

func TestRowsInTheFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "bench.json")
	rows := []row{newRow(mintVsRSA2048, ratio, 300, 400, "x")}
	if err := writeJSON(file, rows); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var got []map[string]any
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	want := []map[string]any{{"name": "sts_mint_vs_rsa2048", "value": 0.75, "unit": "ratio", "numerator": 300.0, "denominator": 400.0}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if err := missing(rows); err == nil {
		t.Error("others are missing, and that isn't said")
	}
}
