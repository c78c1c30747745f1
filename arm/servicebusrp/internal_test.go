package servicebusrp

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"switchyard/arm"
	"switchyard/auth"
	"switchyard/broker"
)

func TestDurations(t *testing.T) {
	for _, c := range []struct {
		text  string
		want  time.Duration
		again string // as it is written
	}{
		{"PT1M", time.Minute, "PT1M"},
		{"PT60S", time.Minute, "PT1M"},
		{"P14D", 14 * 24 * time.Hour, "P14D"},
		{"P14DT0H0M0S", 14 * 24 * time.Hour, "P14D"},
		{"P1DT2H3M4.5S", 26*time.Hour + 3*time.Minute + 4500*time.Millisecond, "P1DT2H3M4.5S"},
		{"PT0.0000001S", 100, "PT0.0000001S"},
		{"PT0S", 0, "PT0S"},
		{"P1M", 30 * 24 * time.Hour, "P30D"},
		{"P1Y", 365 * 24 * time.Hour, "P365D"},
		{forever, broker.Forever, forever},
		{"P99999999999999999999D", broker.Forever, forever},
	} {
		got, err := parseDuration(c.text)
		if err != nil || got != c.want || formatDuration(got) != c.again {
			t.Errorf("%s: got %v (%v), written %s; want %v, written %s", c.text, got, err, formatDuration(got), c.want, c.again)
		}
	}
	for _, bad := range []string{"", "P", "PT", "1M", "PT1", "P1", "-PT1M", "PT-1M", "P1W", "PT1M1H", "P1H", "PT1.5M", "PT.5S", "PT1.S", "PT1..5S", "P1DT", "00:01:00", "PT1M ", "pt1m", "P1DT1HT1M", "PTT1M", "P1e5D"} {
		if got, err := parseDuration(bad); err == nil {
			t.Errorf("%q is read as %v", bad, got)
		}
	}
}

// FuzzDuration: what is read is written and read again as the same.
func FuzzDuration(f *testing.F) {
	for _, s := range []string{"PT1M", forever, "P1Y2M3DT4H5M6.7S", "PT0.1234567S", "P", "PT1.000000000000000000001S"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := parseDuration(s)
		if err != nil {
			return
		}
		if d < 0 {
			t.Fatalf("%q is read as %v", s, d)
		}
		again, err := parseDuration(formatDuration(d))
		if diff := d - again; err != nil || diff < 0 || diff >= 100 {
			t.Fatalf("%q is %v, written %s, read again %v, %v", s, d, formatDuration(d), again, err)
		}
	})
}

// TestFailures walks every error that the broker's catalogue and auth may answer
// through the table.
func TestFailures(t *testing.T) {
	p := &Provider{o: Options{Clock: fixedClock{}}}
	r := &arm.Request{RequestID: "id"}
	for _, c := range []struct {
		err    error
		status int
		code   string
	}{
		{&broker.NotSupportedError{What: "queue property RequiresSession"}, 400, "BadRequest"},
		{broker.ErrNotSupported, 400, "BadRequest"},
		{broker.ErrNotAllowed, 400, "BadRequest"},
		{broker.ErrInvalidArgument, 400, "BadRequest"},
		{broker.ErrQuotaExceeded, 403, "QuotaExceeded"},
		{broker.ErrEntityExists, 409, "Conflict"},
		{broker.ErrEntityInUse, 409, "Conflict"},
		{broker.ErrNamespaceNotFound, 404, "NotFound"},
		{broker.ErrEntityNotFound, 404, "NotFound"},
		{broker.ErrEntityDeleted, 404, "NotFound"},
		{broker.ErrNotReceivable, 404, "NotFound"},
		{broker.ErrRuleNotFound, 404, "NotFound"},
		{broker.ErrClosed, 503, "ServiceUnavailable"},
		{auth.ErrRuleNotFound, 404, "NotFound"},
		{auth.ErrTooManyRules, 400, "BadRequest"},
		{auth.ErrInvalidRule, 400, "BadRequest"},
	} {
		var e *arm.Error
		if err := p.fail(r, fmt.Errorf("put something: %w", c.err)); !errors.As(err, &e) || e.Status != c.status || e.Code != c.code {
			t.Errorf("%v: got %v, want %d %s", c.err, err, c.status, c.code)
		}
	}
	unknown := errors.New("disk on fire")
	if err := p.fail(r, unknown); err != unknown {
		t.Errorf("an unknown error is told to clients: %v", err)
	}
}

type fixedClock struct{}

func (fixedClock) Now() time.Time { return time.Time{} }
