package torture

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// largeTickets are tickets with attachments of 40 to 100 KiB. Every fourth has a
// text of addresses alone, so that the answer about its personal data is above
// 32 KiB in the run's history.
func largeTickets(t *testing.T, r *rand.Rand, round, n int) (all []ticket) {
	t.Helper()
	for i := range n {
		text := "I was charged twice, please refund the second payment."
		if i%4 == 0 {
			text = strings.Repeat("a@b.io ", 5000/7)
		}
		b, err := json.Marshal(map[string]string{"text": text, "attachment": strings.Repeat("attached", 5<<10+r.IntN(7<<10))})
		if err != nil {
			t.Fatal(err)
		}
		body := string(b)
		all = append(all, ticket{MessageID: fmt.Sprintf("large-%d-%04d", round, i), ContentType: "application/json", Body: &body})
	}
	return all
}

// TestKillWithLargeValues kills one directory's process again and again while
// bodies and answers go to the value log, over several full segments.
func TestKillWithLargeValues(t *testing.T) {
	torture(t)
	r := rand.New(rand.NewPCG(5, 0))
	dir := dataDir(t)
	accepted := map[string]bool{}
	const kills = 6
	for round := range kills {
		p := start(t, dir, 0)
		timer := time.AfterFunc(time.Duration(2000+r.IntN(3000))*time.Millisecond, func() { p.cmd.Process.Kill() })
		for id := range send(t, p, largeTickets(t, r, round, 400)) {
			accepted[id] = true
		}
		waitOrKill(p, 6*time.Second)
		timer.Stop()
	}
	p := start(t, dir, 0)
	defer p.kill()
	for id := range send(t, p, largeTickets(t, r, kills, 400)) {
		accepted[id] = true
	}
	check(t, "large messages", accepted, collect(t, p, accepted, time.Second))
	segments := newestSegment(t, dir)
	// Each start begins one of its own.
	if full := segments - (kills + 1); full < 2 {
		t.Errorf("%d segments in %d starts, want two more at least that followed a full one", segments, kills+1)
	}
	t.Logf("%d messages, %d segments", len(accepted), segments)
	p.finish()
	start(t, dir, 0).kill() // what the clean stop left opens
}

// newestSegment returns the number of the newest segment of the value log.
func newestSegment(t *testing.T, dir string) (newest int) {
	t.Helper()
	files, err := os.ReadDir(filepath.Join(dir, "values"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		var n int
		if _, err := fmt.Sscanf(f.Name(), "%08d.values", &n); err != nil {
			t.Fatalf("%s in values: %v", f.Name(), err)
		}
		newest = max(newest, n)
	}
	return newest
}
