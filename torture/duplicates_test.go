package torture

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"
)

// onceQueue is a queue with duplicate detection that the child has beside the example's.
const onceQueue = "once"

// TestKillDuplicates kills the process while 16 senders send ids that are new, ids whose
// outcome is unknown because the process died, and ids that were accepted. At the end
// each is there once.
func TestKillDuplicates(t *testing.T) {
	torture(t)
	const perRound, kills, senders = 500, 15, 16
	dir := dataDir(t)
	all := 0
	accepted := map[string]int{}
	for kill := range kills + 1 {
		p := start(t, dir, 0)
		var ids []string
		for id, times := range accepted {
			if times == 0 || rand.IntN(4) == 0 {
				ids = append(ids, id)
			}
		}
		repeated := len(ids)
		for range perRound {
			ids = append(ids, fmt.Sprint("id-", all))
			all++
		}
		rand.Shuffle(len(ids), func(i, j int) { ids[i], ids[j] = ids[j], ids[i] })
		last := kill == kills
		if !last {
			after := time.Duration(10+rand.IntN(400)) * time.Millisecond
			timer := time.AfterFunc(after, func() { p.cmd.Process.Kill() })
			defer timer.Stop()
		} else {
			ids = ids[:0]
			for i := range all {
				ids = append(ids, fmt.Sprint("id-", i))
			}
		}
		got := sendOnce(t, p, ids, senders)
		known := 0
		for _, id := range ids {
			accepted[id] += got[id]
			known += min(accepted[id], 1)
		}
		t.Logf("round %d: %d ids, %d of them not for the first time, %d known to be accepted", kill, len(ids), repeated, known)
		if last {
			wantOnce(t, p, all)
			p.finish()
			return
		}
		p.kill()
	}
}

// sendOnce sends ids until the process is gone and returns which were accepted.
func sendOnce(t *testing.T, p *process, ids []string, senders int) map[string]int {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	next := make(chan string, len(ids))
	for _, id := range ids {
		next <- id
	}
	close(next)
	accepted := map[string]int{}
	var mu sync.Mutex
	var wait sync.WaitGroup
	for range senders {
		wait.Go(func() {
			c := client(t, p.cs)
			defer c.Close(context.Background())
			s, err := c.NewSender(onceQueue, nil)
			for id := range next {
				if err == nil {
					err = s.SendMessage(ctx, &azservicebus.Message{MessageID: &id, Body: []byte("body of " + id)}, nil)
				}
				if err != nil {
					return
				}
				mu.Lock()
				accepted[id] = 1
				mu.Unlock()
			}
		})
	}
	wait.Wait()
	return accepted
}

// wantOnce receives all there is.
func wantOnce(t *testing.T, p *process, all int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c := client(t, p.cs)
	defer c.Close(context.Background())
	r, err := c.NewReceiverForQueue(onceQueue, &azservicebus.ReceiverOptions{ReceiveMode: azservicebus.ReceiveModeReceiveAndDelete})
	if err != nil {
		t.Fatal(err)
	}
	times := map[string]int{}
	for n := 0; n < all; {
		msgs, err := r.ReceiveMessages(ctx, 500, nil)
		if err != nil {
			t.Fatalf("after %d messages: %v", n, err)
		}
		for _, m := range msgs {
			times[m.MessageID]++
		}
		n += len(msgs)
	}
	left, err := r.PeekMessages(ctx, 10, nil)
	if err != nil || len(left) > 0 {
		t.Errorf("%d messages more than ids are there, %v", len(left), err)
	}
	for i := range all {
		if id := fmt.Sprint("id-", i); times[id] != 1 {
			t.Errorf("%s came %d times", id, times[id])
		}
	}
}
