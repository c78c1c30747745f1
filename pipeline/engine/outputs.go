package engine

import (
	"errors"
	"fmt"
	"sync"

	"switchyard/pipeline"
	"switchyard/pipeline/run"
	"switchyard/value"
)

// maxPayloadDepth bounds payloads that name payloads.
const maxPayloadDepth = 128

// outputs are the large values of one run: those that the history has, and those of
// the turn that is not durable yet. Several goroutines may read them.
type outputs struct {
	run    string
	sealer Sealer
	cache  *cache
	frame  func(n uint64) ([]byte, error) // reads that of a payload
	length func(n uint64) (int64, error)  // of that frame

	mu      sync.Mutex
	pending map[uint64]value.Value // written, perhaps not durable; guarded by mu
}

func (e *Engine) outputsOf(run string) *outputs {
	return &outputs{run: run, sealer: e.o.Sealer, cache: e.cache,
		frame:  func(n uint64) ([]byte, error) { return e.o.History.Payload(run, n) },
		length: func(n uint64) (int64, error) { return e.o.History.PayloadSize(run, n) }}
}

// add notes payloads that are not durable yet.
func (o *outputs) add(payloads []payload) {
	if len(payloads) == 0 {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.pending == nil {
		o.pending = map[uint64]value.Value{}
	}
	for _, p := range payloads {
		o.pending[p.n] = p.value
	}
}

// durable says that everything that was added can be read from the history.
func (o *outputs) durable() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for n, v := range o.pending {
		o.cache.add(cacheKey{o.run, n}, v)
	}
	clear(o.pending)
}

// one returns a payload, in which a [run.Kept] stands for each that it names.
func (o *outputs) one(n uint64) (value.Value, error) {
	o.mu.Lock()
	v, ok := o.pending[n]
	o.mu.Unlock()
	if ok {
		return v, nil
	}
	key := cacheKey{o.run, n}
	if v, ok := o.cache.get(key); ok {
		return v, nil
	}
	v, err := o.read(n)
	if err != nil {
		return nil, fmt.Errorf("payload %d: %w", n, err)
	}
	o.cache.add(key, v)
	return v, nil
}

func (o *outputs) read(n uint64) (value.Value, error) {
	stored, err := o.frame(n)
	if err != nil {
		return nil, err
	}
	f := frames{sealer: o.sealer}
	e, err := f.decode(stored, o)
	if err != nil {
		return nil, err
	}
	p, ok := e.(*run.VariableAppended)
	if !ok {
		return nil, errMalformedFrame
	}
	return p.Value, nil
}

// fill puts a [run.Kept] for each payload of the table where it belongs in an event
// that has just been decoded.
func (o *outputs) fill(e run.Event, table []ref) error {
	if len(table) == 0 {
		return nil
	}
	parts := run.PartsOf(e).Values
	for _, r := range table {
		if r.place[0] >= len(parts) {
			return errMalformedFrame
		}
		part := parts[r.place[0]]
		var v value.Value = run.Kept{Number: r.n}
		if len(r.place) > 1 {
			if err := place(part.Get(), r.place[1:], v); err != nil {
				return err
			}
			continue
		}
		if part.IsArray() {
			var err error
			if v, err = o.one(r.n); err != nil {
				return err
			}
		}
		if !part.Set(v) {
			return errMalformedFrame
		}
	}
	if !foldsWhole(e) {
		return nil
	}
	return o.whole(e)
}

// whole loads all parts of an event.
func (o *outputs) whole(e run.Event) error {
	for _, part := range run.PartsOf(e).Values {
		v := part.Get()
		if !run.HoldsKept(v) {
			continue
		}
		v, err := o.load(v, unbounded)
		if err != nil {
			return err
		}
		if !part.Set(v) {
			return errMalformedFrame
		}
	}
	return nil
}

// object loads an object.
func (o *outputs) object(v *value.Object, r *room) (*value.Object, error) {
	if v == nil || !run.HoldsKept(v) {
		return v, nil
	}
	whole, err := o.load(v, r)
	if err != nil {
		return nil, err
	}
	object, ok := whole.(*value.Object)
	if !ok {
		return nil, errMalformedFrame
	}
	return object, nil
}

// references loads the parameters of what an attempt refers to, which are hardly ever
// large.
func (o *outputs) references(e *run.ActivityStarted) error {
	for _, a := range []*value.Array{&e.Inputs, &e.Outputs} {
		if !run.HoldsKept(*a) {
			continue
		}
		v, err := o.load(*a, unbounded)
		if err != nil {
			return err
		}
		*a = v.(value.Array)
	}
	var err error
	e.LinkedServiceParameters, err = o.object(e.LinkedServiceParameters, unbounded)
	return err
}

// room bounds what loads may bring together, in bytes of memory.
type room struct {
	limit, used int64
	// needed is, after [errNoRoom], how much there has to be for a load to come further.
	needed int64
	// shared says that what a load brings is there once for all that stands for it.
	shared bool
	seen   map[uint64]value.Value // if shared: what was brought
}

var unbounded *room

// errNoRoom reports a value that is larger than its reader may hold.
var errNoRoom = errors.New("the value is too large for the memory of the run")

// fits fails if more bytes are not there. It takes none.
func (r *room) fits(bytes int64) error {
	if r.used+bytes > r.limit {
		r.needed = r.used + bytes
		return errNoRoom
	}
	return nil
}

// admit fails if the payload n is too large, before it is read.
func (o *outputs) admit(n uint64, r *room) error {
	o.mu.Lock()
	v, ok := o.pending[n]
	o.mu.Unlock()
	if ok {
		return r.fits(run.Footprint(v))
	}
	size, err := o.length(n)
	if err != nil {
		return fmt.Errorf("payload %d: %w", n, err)
	}
	return r.fits(size)
}

// load returns v with all that its parts stand for. V itself is not changed.
func (o *outputs) load(v value.Value, r *room) (value.Value, error) { return o.loadDeep(v, r, 0) }

func (o *outputs) loadDeep(v value.Value, r *room, depth int) (value.Value, error) {
	if depth > maxPayloadDepth {
		return nil, fmt.Errorf("%w: payloads nest deeper than %d", errMalformedFrame, maxPayloadDepth)
	}
	if k, ok := run.Whole(v); ok {
		return o.payload(k.Number, r, depth)
	}
	switch t := v.(type) {
	case value.Array:
		if !run.HoldsKept(t) {
			return t, nil
		}
		out := make(value.Array, len(t))
		for i := range t {
			part, err := o.loadDeep(t[i], r, depth)
			if err != nil {
				return nil, err
			}
			out[i] = part
		}
		return out, nil
	case *value.Object:
		if t == nil || !run.HoldsKept(t) {
			return t, nil
		}
		out := &value.Object{}
		for _, m := range t.Members() {
			part, err := o.loadDeep(m.Value, r, depth)
			if err != nil {
				return nil, err
			}
			out.Set(m.Name, part)
		}
		return out, nil
	}
	return v, nil
}

// payload loads the payload n with all that its parts stand for.
func (o *outputs) payload(n uint64, r *room, depth int) (value.Value, error) {
	if r != nil {
		if v, ok := r.seen[n]; ok {
			return v, nil
		}
		if err := o.admit(n, r); err != nil {
			return nil, err
		}
	}
	p, err := o.one(n)
	if err != nil {
		return nil, err
	}
	if r != nil {
		size := run.Footprint(p)
		if err := r.fits(size); err != nil {
			return nil, err
		}
		r.used += size
	}
	whole, err := o.loadDeep(p, r, depth+1)
	if err == nil && r != nil && r.shared {
		if r.seen == nil {
			r.seen = map[uint64]value.Value{}
		}
		r.seen[n] = whole
	}
	return whole, err
}

// keeper implements [run.Keeper] for the owner of a run: what it keeps is encoded
// for the journal at once.
type keeper struct {
	r    *runner
	room room // of the decision at hand
}

func (k *keeper) Begin() { k.room = room{limit: k.r.e.memory.run, shared: true} }

func (k *keeper) Keep(e run.Event) run.Event {
	k.r.long.End() // large values take turns of their own
	j := &k.r.journal
	before := j.frames.encoded
	ready := j.encodeNow(e)
	if j.frames.encoded-before+k.room.used > LargeFrom {
		k.r.large = true
	}
	k.room.seen = nil // a run that waits holds nothing of it
	j.kept = append(j.kept, ready)
	return ready.event
}

func (k *keeper) Load(v value.Value) (value.Value, error) {
	k.r.long.End()
	whole, err := k.r.outputs.load(v, &k.room)
	if errors.Is(err, errNoRoom) {
		return nil, k.r.e.memory.exceeded(k.r.id, "The values that an expression asks for", k.r.e.memory.run)
	}
	return whole, err
}

// peekLimit bounds what is read to find the secrets in what is declared secure.
const peekLimit = 4 << 20

func (k *keeper) Peek(v value.Value) (value.Value, error) {
	return k.r.outputs.load(v, &room{limit: peekLimit})
}

func (k *keeper) Starts(activity string) *pipeline.ActivityError {
	return k.r.e.roomFor(k.r.id, activity, k.r.journal.bytes)
}

func (k *keeper) Afford(activity string, held, more int64) *pipeline.ActivityError {
	return k.r.e.memory.afford(k.r, activity, held, more)
}
