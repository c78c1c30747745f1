package description_test

import (
	"testing"
	"time"

	"switchyard/broker/description"
)

const foreverText = "P10675199DT2H48M5.4775807S"

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
		{"PT0.00000019S", 100, "PT0.0000001S"}, // a tick and a bit
		{"PT1M.25S", 60*time.Second + 250*time.Millisecond, "PT1M0.25S"},
		{"PT.S", 0, "PT0S"},
		{"PT.5S", 500 * time.Millisecond, "PT0.5S"},
		{"PT1.S", time.Second, "PT1S"},
		{"PT0S", 0, "PT0S"},
		{"P1M", 30 * 24 * time.Hour, "P30D"},
		{"P1Y", 365 * 24 * time.Hour, "P365D"},
		{foreverText, description.Forever, foreverText},
		{"P99999999999999999999D", description.Forever, foreverText},
	} {
		got, err := description.ParseDuration(c.text)
		if err != nil || got != c.want || description.FormatDuration(got) != c.again {
			t.Errorf("%s: got %v (%v), written %s; want %v, written %s", c.text, got, err, description.FormatDuration(got), c.want, c.again)
		}
	}
	for _, bad := range []string{"", "P", "PT", "1M", "PT1", "P1", "-PT1M", "PT-1M", "P1W", "PT1M1H", "P1H", "PT1.5M", "PT1.5", "PT1..5S", "P1DT", "00:01:00", "PT1M ", "pt1m", "P1DT1HT1M", "PTT1M", "P1e5D"} {
		if got, err := description.ParseDuration(bad); err == nil {
			t.Errorf("%q is read as %v", bad, got)
		}
	}
}

// FuzzDuration: what is read is written and read again as the same.
func FuzzDuration(f *testing.F) {
	for _, s := range []string{"PT1M", foreverText, "P1Y2M3DT4H5M6.7S", "PT0.1234567S", "P", "PT1.000000000000000000001S"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := description.ParseDuration(s)
		if err != nil {
			return
		}
		if d < 0 {
			t.Fatalf("%q is read as %v", s, d)
		}
		again, err := description.ParseDuration(description.FormatDuration(d))
		if again != d || err != nil {
			t.Fatalf("%q is %v, written %s, read again %v, %v", s, d, description.FormatDuration(d), again, err)
		}
	})
}
