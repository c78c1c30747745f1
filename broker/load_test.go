package broker_test

import (
	"errors"
	"math"
	"slices"
	"testing"
	"time"

	"switchyard/broker"
	"switchyard/broker/brokertest"
)

// TestNumbersFarApart: numbers that clients make up are as far apart as numbers can be, and
// hide none that is there.
func TestNumbersFarApart(t *testing.T) {
	b := newBroker(t, brokertest.NewStore(), "q")
	defer b.Close()
	q := queue(t, b, "q")
	msgs := messages(1, 8)
	msgs[0].ScheduledFor = time.Now().Add(time.Hour)
	send(t, b, q, msgs...)
	_, err := q.CancelScheduled([]int64{math.MaxInt64, math.MinInt64, msgs[0].SequenceNumber}, nil)
	missing, ok := errors.AsType[*broker.MissingError](err)
	if !ok {
		t.Fatalf("got error %v, want a MissingError", err)
	}
	if want := []int64{math.MaxInt64, math.MinInt64}; !slices.Equal(missing.SequenceNumbers, want) {
		t.Errorf("not there: %d, want %d", missing.SequenceNumbers, want)
	}
}
