package activity

import (
	"context"
	"io"
	"net/http"

	"switchyard/memory"
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
	room    *memory.Room
	yield   func() // see [Call.Yield]
	release func()
}

// let gives the room back.
func (h *holding) let() {
	if h.release != nil {
		h.release()
		h.release = nil
	}
}

// read reads a body. Before it reads one that is not small it waits for room, for
// which pause stops the clock of the request: that others hold the room is no failure
// of the endpoint. Others execute meanwhile.
func (h *holding) read(ctx context.Context, resp *http.Response, pause func() (resume func())) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(resp.Body, freeBody+1))
	if err != nil || len(b) <= freeBody {
		return b, err
	}
	if h.yield != nil {
		h.yield()
	}
	resume := pause()
	h.release, err = h.room.Take(ctx, bodyFactor*maxWebResponse)
	resume()
	if err != nil {
		return nil, err
	}
	rest, err := io.ReadAll(io.LimitReader(resp.Body, int64(maxWebResponse+1-len(b))))
	return append(b, rest...), err
}
