package activity

import (
	"context"
	"errors"
	"io"
	"net/http"

	"switchyard/memory"
	"switchyard/value"
)

const (
	// freeBody is how much of an answer is read without asking for room: most answers
	// are smaller, and as many as execute at once are little together.
	freeBody = 64 << 10
	// bodyFactor is how many times an answer is in memory until the history has it: the
	// bytes, the value that is made of them, its payload, and the copy that the log
	// takes.
	bodyFactor = 4
	// defaultRoom is the room for answers where nothing is said.
	defaultRoom = 256 << 20
)

// A holding is the room that one call has taken for its answer, if it has.
type holding struct {
	room, values *memory.Room
	yield        func() // see [Call.Yield]
	release      []func()
	read         bool // into the room
}

// let gives the room back.
func (h *holding) let() {
	for _, f := range h.release {
		f()
	}
	h.release, h.read = nil, false
}

// wait takes bytes of a room. Others execute meanwhile.
func (h *holding) wait(ctx context.Context, room *memory.Room, bytes int64) error {
	if h.yield != nil {
		h.yield()
	}
	release, err := room.Take(ctx, bytes)
	if err == nil {
		h.release = append(h.release, release)
	}
	return err
}

// freeValue is how much an answer may take as a value that takes no room.
const freeValue = 1 << 20

// parse waits for room for the value of an answer, if that is more than its size lets
// expect.
func (h *holding) parse(ctx context.Context, body []byte) error {
	free := int64(freeValue)
	if h.read {
		free = (bodyFactor - 1) * maxWebResponse
	}
	if size := value.ParsedSize(body); size > free {
		return h.wait(ctx, h.values, size)
	}
	return nil
}

// readBody reads a body. Before it reads one that is not small it waits for room, for
// which pause stops the clock of the request: that others hold the room is no failure
// of the endpoint.
func (h *holding) readBody(ctx context.Context, resp *http.Response, pause func() (resume func())) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(resp.Body, freeBody+1))
	if err != nil || len(b) <= freeBody {
		return b, err
	}
	resume := pause()
	err = h.wait(ctx, h.room, bodyFactor*maxWebResponse)
	resume()
	if err != nil {
		return nil, err
	}
	h.read = true
	return readRest(resp.Body, b, resp.ContentLength)
}

// firstGrown is how much room an answer of unknown length gets first; it doubles.
const firstGrown = 256 << 10

// readRest reads what follows b, up to one byte more than an answer may have. Length is
// what the answer is said to have, -1 if it did not say. A buffer that grows by a quarter,
// as that of [io.ReadAll], copies an answer five times and leaves as much garbage.
func readRest(r io.Reader, b []byte, length int64) ([]byte, error) {
	const most = maxWebResponse + 1
	room := int64(firstGrown)
	if length >= 0 {
		room = length + 1 // one for the end to be seen
	}
	b = append(make([]byte, 0, max(len(b)+1, int(min(room, most)))), b...)
	for len(b) < most {
		if len(b) == cap(b) {
			b = append(make([]byte, 0, min(2*cap(b), most)), b...)
		}
		n, err := r.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		if errors.Is(err, io.EOF) {
			return b, nil
		}
		if err != nil {
			return b, err
		}
	}
	return b, nil
}
