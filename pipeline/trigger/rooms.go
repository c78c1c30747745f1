package trigger

import (
	"context"
	"errors"
	"fmt"

	"switchyard/expr"
	"switchyard/memory"
	"switchyard/value"
)

const (
	// MaxBatch is how many bytes the messages of a batch have together at most. A larger
	// message is a batch of its own.
	MaxBatch = 16 << 20
	// freeBatch is the largest batch that takes no room, and batchFactor how many times a
	// batch is in memory until its run is created: the messages, their texts, parameters
	// that are made of them, and what the history takes.
	freeBatch, batchFactor = 64 << 10, 6
)

// Rooms are what all triggers share, from when messages are read until their run is
// created. Who has room for a batch may wait for some for its values, and not the other
// way round.
type Rooms struct {
	Batches *memory.Room // for the messages of batches above 64 KiB
	Values  *memory.Room // for bodies that are JSON and take more as values
}

// defaultRoom is a room where none is given.
const defaultRoom = 256 << 20

func (r *Rooms) defaults() {
	if r.Batches == nil {
		r.Batches = memory.NewRoom(defaultRoom)
	}
	if r.Values == nil {
		r.Values = memory.NewRoom(defaultRoom)
	}
}

// A held batch is one with the room that it takes.
type held struct {
	Batch
	release func()
	large   bool // it takes room
}

// drop gives messages and room back. Further calls do nothing.
func (h *held) drop() {
	h.Release()
	h.release()
}

// reserve takes a batch, after it has waited for room for a large one with nothing in
// its hands; nil if there are no messages.
func (t *ServiceBus) reserve(ctx context.Context) (*held, error) {
	release, granted := func() {}, int64(freeBatch)
	for {
		b, err := t.o.Source.Reserve(t.def.MaxMessages, granted)
		if err == nil && b != nil {
			return &held{b, release, granted > freeBatch}, nil
		}
		release()
		large, ok := errors.AsType[*LargeBatch](err)
		if !ok {
			return nil, err
		}
		granted = large.Bytes
		if release, err = t.o.Rooms.Batches.Take(ctx, batchFactor*granted); err != nil {
			return nil, nil // the trigger stops
		}
	}
}

// values waits for room for what the bodies of messages take as values, if that is more
// than the room of the batch lets expect. A body for which there can be none is the
// message's fault.
func (t *ServiceBus) values(ctx context.Context, messages []Message) (release func(), err error) {
	var bytes, size int64
	for i := range messages {
		m := &messages[i]
		bytes += int64(len(m.Body))
		if !m.mayBeJSON() {
			continue
		}
		n := value.ParsedSize(m.Body)
		if n > t.o.Rooms.Values.Size() {
			return nil, &expr.Error{Code: expr.CodeLimitExceeded, Message: fmt.Sprintf(
				"the body of message %d is JSON that takes about %d bytes of memory; at most %d are there for it", m.SequenceNumber, n, t.o.Rooms.Values.Size())}
		}
		size += n
	}
	if size <= max(batchFactor/2*bytes, 1<<20) {
		return func() {}, nil
	}
	return t.o.Rooms.Values.Take(ctx, size)
}
