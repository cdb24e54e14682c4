package groups

import (
	"testing"
	"time"
)

func TestWindowOfTheActivityLog(t *testing.T) {
	now := time.Date(2026, 3, 4, 5, 6, 7, 890123000, time.UTC)
	for _, tc := range []struct{ name, first, last, length, start, end string }{
		{"until now, with the second that is running", "", "", "6h", "2026-03-03T23:06:07.890123Z", "2026-03-04T05:06:07.890123Z"},
		{"back from an end", "", "2026-01-02T00:00:00Z", "1d", "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"},
		{"onward from a start", "2026-01-01T00:00:00+01:00", "", "1d6h", "2025-12-31T23:00:00Z", "2026-01-02T05:00:00Z"},
		{"both, and no offset", "2026-01-01T00:00:00.5Z", "2026-01-01T00:00:01Z", "6h", "2026-01-01T00:00:00.5Z", "2026-01-01T00:00:01Z"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			start, end, err := window(tc.first, tc.last, tc.length, now)
			if err != nil || start != tc.start || end != tc.end {
				t.Errorf("from %s to %s (%v), want %s to %s", start, end, err, tc.start, tc.end)
			}
		})
	}
	for _, wrong := range [][3]string{{"yesterday", "", "6h"}, {"", "noon", "6h"}, {"", "", "long"}} {
		if _, _, err := window(wrong[0], wrong[1], wrong[2], now); err == nil {
			t.Errorf("%q is read as a time", wrong)
		}
	}
}
