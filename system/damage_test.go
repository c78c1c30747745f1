package system

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"switchyard/commit"
	"switchyard/deploy"
	"switchyard/pipeline/run"
	"switchyard/store"
)

// flip changes a byte of the value of each record in a stopped directory whose key is
// wanted, and returns the keys. It is so many bytes from the end; 0: in the middle.
func flip(t *testing.T, dir string, fromEnd int, wanted func(key []byte) bool) (flipped []string) {
	t.Helper()
	db, err := pebble.Open(filepath.Join(dir, "db"), &pebble.Options{ReadOnly: true, Logger: quiet{}})
	if err != nil {
		t.Fatal(err)
	}
	var u commit.Unit
	it, err := db.NewIter(nil)
	if err != nil {
		t.Fatal(err)
	}
	for ok := it.First(); ok; ok = it.Next() {
		if wanted(it.Key()) {
			b := bytes.Clone(it.Value())
			b[len(b)-cmp.Or(fromEnd, len(b)-len(b)/2)] ^= 4
			u.Set(bytes.Clone(it.Key()), b)
			flipped = append(flipped, string(it.Key()))
		}
	}
	if err := errors.Join(it.Error(), it.Close(), db.Close()); err != nil {
		t.Fatal(err)
	}
	st, err := store.Open(dir, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	st.Submit(&u)
	st.Sync(&u)
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	return flipped
}

// healthOf asks a process how it is.
func healthOf(t *testing.T, s *System) (status string, causes []string) {
	t.Helper()
	resp, err := http.Get("http://" + s.http.Addr().String() + "/health")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	var h struct {
		Status string
		Causes []string
	}
	if err := json.Unmarshal(b, &h); err != nil {
		t.Fatalf("health %d %s: %v", resp.StatusCode, b, err)
	}
	return h.Status, h.Causes
}

// TestStartWithDamagedRuns flips a byte in records of four runs that hold a message each:
// the record, what leads to it, an event, the first event. The start sets them aside and tells; their
// messages are nobody else's until the runs are cancelled, and are then processed once.
func TestStartWithDamagedRuns(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	files := triggered(`{"MaxDeliveryCount":3}`, `{"name":"Long","type":"Wait","typeProperties":{"waitTimeInSeconds":3600}}`)
	files["trigger/OnIn.json"] = strings.Replace(files["trigger/OnIn.json"], `"maxMessages":10`, `"maxMessages":1,"maxConcurrentRuns":9`, 1)
	o := Options{DataDir: dir, Deployments: []*deploy.Deployment{folder(t, files)}, Grace: time.Millisecond}
	s := startSystem(t, o)
	c := sdk(t, s)
	sendTo(t, c, "in", "a", "b", "c", "d", "e", "gone")
	runs := map[string]string{} // by message
	held := func() map[string]string {
		runs := map[string]string{}
		for _, r := range allRuns(t, s) {
			if r.Status == run.InProgress && r.Parameters != nil {
				text, _ := r.Parameters.Get("messages")
				for _, id := range []string{"a", "b", "c", "d", "e", "gone", "new"} {
					if strings.Contains(text.(string), `"messageId":"`+id+`"`) {
						runs[id] = r.RunID
					}
				}
			}
		}
		return runs
	}
	eventually(t, func() string {
		if runs = held(); len(runs) == 6 {
			return "all"
		}
		return ""
	})
	if err := s.engine.Cancel(runs["gone"], true); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() string { // it started another run: the history has one that has ended
		if runs = held(); len(runs) == 6 && len(allRuns(t, s)) == 7 {
			return "all"
		}
		return ""
	})
	before, err := s.store.Tallies()
	if err != nil || len(before) != 1 || before[0].Runs != 1 {
		t.Fatalf("tallies %+v, %v", before, err)
	}
	c.Close(context.Background())
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}

	id := func(message string) []byte { // the run, as keys have it
		var b []byte
		for _, part := range strings.Split(runs[message], "-") {
			for i := 0; i < len(part); i += 2 {
				b = append(b, unhex(part[i])<<4|unhex(part[i+1]))
			}
		}
		return b
	}
	flipped := flip(t, dir, 0, func(key []byte) bool {
		switch {
		case key[0] == 0x25: // the record in the list
			return bytes.HasSuffix(key, id("a"))
		case key[0] == 0x20 && bytes.HasSuffix(key, append(id("b"), 0)): // what leads to it
			return true
		case key[0] == 0x20 && bytes.Contains(key, append(id("c"), 1, 0)): // an event
			return key[len(key)-1] == 2
		case key[0] == 0x20 && bytes.Contains(key, append(id("e"), 1, 0)): // the first one
			return key[len(key)-1] == 1
		}
		return key[0] == 0x26 // the tally
	})
	if len(flipped) != 5 {
		t.Fatalf("damaged %d records, want 5: %q", len(flipped), flipped)
	}

	s = startSystem(t, o)
	status, causes := healthOf(t, s)
	text := strings.Join(causes, "\n")
	for _, message := range []string{"a", "b", "c", "e"} {
		if strings.Count(text, "run "+runs[message]+" of pipeline P in data factory") != 1 {
			t.Errorf("the run of %s is not told once", message)
		}
	}
	if status != "degraded" || len(causes) != 4 || strings.Count(text, "data is damaged") != 4 {
		t.Errorf("health: %s\n%s\nwant degraded by four runs", status, text)
	}
	if after, err := s.store.Tallies(); err != nil || len(after) != 1 || after[0].Runs != 1 || after[0].Bytes != before[0].Bytes {
		t.Errorf("the tally is %+v, %v, and was %+v", after, err, before)
	}
	c = sdk(t, s)
	sendTo(t, c, "in", "new")
	eventually(t, func() string { return held()["new"] })
	if n := len(allRuns(t, s)); n != 8 {
		t.Errorf("%d runs are listed, want those there were and that of the new message", n)
	}
	if got := held(); got["d"] != runs["d"] || got["a"] != "" {
		t.Errorf("the messages of %v start runs, want only the sound run to go on", got)
	}
	for _, message := range []string{"a", "b", "c", "e"} {
		if err := s.engine.Cancel(runs[message], true); err != nil {
			t.Errorf("cancel the run of %s: %v", message, err)
		}
	}
	eventually(t, func() string {
		if now := held(); now["a"] != "" && now["b"] != "" && now["c"] != "" && now["e"] != "" {
			return "again"
		}
		return ""
	})
	ids := left(t, c, "in")
	slices.Sort(ids)
	if got := strings.Join(ids, " "); got != "a b c d e gone new" {
		t.Errorf("in the queue: %s, want every message once", got)
	}
	if n := len(allRuns(t, s)); n != 12 {
		t.Errorf("%d runs, want one more for each of the four messages", n)
	}
	status, causes = healthOf(t, s)
	// The event stays what it is until the run is deleted.
	text = strings.Join(causes, "\n")
	if len(causes) != 2 || !strings.Contains(text, "event 2 of run "+runs["c"]) || !strings.Contains(text, "event 1 of run "+runs["e"]) {
		t.Errorf("health at the end: %s %q, want the damaged events", status, causes)
	}
}

func unhex(c byte) byte {
	if c >= 'a' {
		return c - 'a' + 10
	}
	return c - '0'
}
