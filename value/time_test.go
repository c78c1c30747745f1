package value_test

import (
	"testing"
	"time"

	"switchyard/value"
)

func TestTimestamp(t *testing.T) {
	east := time.FixedZone("", 2*60*60)
	for want, at := range map[string]time.Time{
		"2026-01-02T03:04:05.0000000Z": time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		"2026-01-02T01:04:05.1234567Z": time.Date(2026, 1, 2, 3, 4, 5, 123_456_789, east),
		"0001-01-01T00:00:00.0000000Z": {},
	} {
		if got := value.Timestamp(at); got != want {
			t.Errorf("Timestamp(%v) = %s, want %s", at, got, want)
		}
	}
}
