// Package commit is what packages share so that they can be atomic together: a
// [Unit] of records that becomes durable as a whole or not at all, the [Log]
// that orders and commits units, and the [Effect] that lets one package add its
// records to another package's unit.
//
// The order that everything in this program keeps is: decide, submit, unlock,
// sync, answer. What changes memory submits the unit before it releases the
// lock that guards that memory, so what is durable is always a prefix of what
// was decided; nothing that was decided leaves the process before the unit that
// records it is durable.
//
// [Do] is that order for a change that is made in one place.
//
// The package imports nothing of ours and does no I/O.
package commit

import (
	"context"
	"errors"
	"slices"
)

// ErrFull is wrapped by what a [Log] refuses because the disk has no room. The
// error's text is for the client: what is full, how much is free and what to do.
var ErrFull = errors.New("disk is nearly full")

// Frees is what a change announces to [Log] Admit that frees space, or gives back
// what is held: a deletion, a settlement, a cancellation, a stop, the record of a
// long operation that deletes. It passes while everything else is refused, however
// many bytes its records take: they are few, and without them nobody could make
// room.
const Frees = 0

// OpKind says what an [Op] does to the keys it names.
type OpKind uint8

const (
	// OpSet writes Value under Key.
	OpSet OpKind = iota
	// OpOverwrite is an OpSet that may be left out if another one of Key follows in
	// what is committed together.
	OpOverwrite
	// OpDelete removes Key; removing an absent key is not an error.
	OpDelete
	// OpDeleteRange removes every key from Key (inclusive) to To (exclusive).
	OpDeleteRange
)

// An Op is one change of a [Unit], applied in the order in which it was added.
type Op struct {
	Kind  OpKind
	Key   []byte
	Value []byte // OpSet and OpOverwrite only
	To    []byte // OpDeleteRange only
	// Body and Tail are the rest of the value of an OpSet, so that a large part need not be
	// copied to stand behind another.
	Body, Tail []byte
}

// Len returns the length of the whole value.
func (o *Op) Len() int { return len(o.Value) + len(o.Body) + len(o.Tail) }

// A Unit is a list of records that become durable together, with the callbacks
// to run once they are. The zero value is an empty unit, ready to use. A Unit
// belongs to one goroutine until it is submitted and to the [Log] afterwards.
type Unit struct {
	ops     []Op
	then    []func()
	bytes   int
	relaxed bool
	ticket  any

	// fewOps and fewThen are where the lists of a small unit are: of a message that is sent.
	fewOps  [2]Op
	fewThen [4]func()
}

// Grow makes room for n more records, so that adding them allocates nothing.
func (u *Unit) Grow(n int) {
	if u.ops == nil && n <= len(u.fewOps) {
		return
	}
	u.ops = slices.Grow(u.ops, n)
}

func (u *Unit) add(op Op) {
	if u.ops == nil {
		u.ops = u.fewOps[:0]
	}
	u.ops = append(u.ops, op)
	u.bytes += len(op.Key) + op.Len() + len(op.To)
}

// Set adds a record. The unit keeps key and value: the caller must not change
// them afterwards.
func (u *Unit) Set(key, value []byte) { u.add(Op{Kind: OpSet, Key: key, Value: value}) }

// SetJoined is [Unit.Set] of a value that is head, body and tail one after the other.
func (u *Unit) SetJoined(key, head, body, tail []byte) {
	u.add(Op{Kind: OpSet, Key: key, Value: head, Body: body, Tail: tail})
}

// Overwrite is [Unit.Set] for a record that many units write, such as a count: of those
// that are committed together only the last one's is written.
func (u *Unit) Overwrite(key, value []byte) { u.add(Op{Kind: OpOverwrite, Key: key, Value: value}) }

// Delete adds the removal of one key.
func (u *Unit) Delete(key []byte) { u.add(Op{Kind: OpDelete, Key: key}) }

// DeleteRange adds the removal of every key in [from, to).
func (u *Unit) DeleteRange(from, to []byte) { u.add(Op{Kind: OpDeleteRange, Key: from, To: to}) }

// Then adds a callback that runs after the unit is durable. Callbacks of all
// units run one after the other, in submit order; they never run if the sync
// failed. A callback must not block, must not take a lock that is held while a
// unit is submitted, and must not call the [Log].
func (u *Unit) Then(f func()) {
	if u.then == nil {
		u.then = u.fewThen[:0]
	}
	u.then = append(u.then, f)
}

// Relax says that the unit may be committed in its place in the order without
// waiting for the disk, nor for the operating system to have taken it: that is
// under way when the callbacks run, so a process that is killed in the moments
// after may lose it, and a power cut may lose it for longer. It is lost only
// with all that was submitted after it: once a later unit that is not relaxed
// is durable, so is this one. Only records whose loss is harmless may be relaxed:
// a link's peek lock, without which the message comes again early and that
// delivery is not counted, as if it had never been sent. A relaxed unit that is
// committed together with an unrelaxed one is as durable as that one.
func (u *Unit) Relax() { u.relaxed = true }

// Relaxed reports whether [Unit.Relax] was called.
func (u *Unit) Relaxed() bool { return u.relaxed }

// Empty reports whether the unit holds neither records nor callbacks.
func (u *Unit) Empty() bool { return len(u.ops) == 0 && len(u.then) == 0 }

// Ops returns the changes in the order in which they were added. It is for
// implementations of [Log] and for tests.
func (u *Unit) Ops() []Op { return u.ops }

// Callbacks returns what [Unit.Then] collected, in order. It is for
// implementations of [Log].
func (u *Unit) Callbacks() []func() { return u.then }

// Bytes returns the size of all keys and values in the unit.
func (u *Unit) Bytes() int { return u.bytes }

// SetTicket keeps a value of the log's own with the unit, from Submit to Sync.
func (u *Unit) SetTicket(t any) { u.ticket = t }

// Ticket returns what [Unit.SetTicket] kept, nil before Submit.
func (u *Unit) Ticket() any { return u.ticket }

// A Log commits units in the order in which they were submitted.
type Log interface {
	// Admit waits until the log can take about that many more bytes: it is the
	// back-pressure and the disk watermark. It is called before any lock is
	// taken. It fails if ctx ends, or with an error that wraps [ErrFull] if the disk
	// has no room for what does not announce [Frees].
	Admit(ctx context.Context, bytes int) error

	// Submit gives the unit its place in the order. It is called under the
	// locks of what the unit changes, does no I/O and does not fail. A unit is
	// submitted once.
	Submit(u *Unit)

	// Sync returns when the submitted unit and all before it are durable and
	// their callbacks have run. It is called outside all locks. The first waiter
	// commits for all, so an idle system needs no other goroutine. A failed
	// commit stops the process: memory is then ahead of the disk.
	Sync(u *Unit)

	// Wait is Sync for those who owe somebody an answer: it fails, with an error that
	// wraps [ErrFull], while the disk is full and no commit gets through. The unit keeps
	// its place and becomes durable when there is room, so what it does is unknown and
	// not undone.
	Wait(u *Unit) error

	// Stalled returns a channel that is closed once no commit gets through because the
	// disk is full, and what to tell those who wait then. What is submitted meanwhile
	// waits; Admit refuses even [Frees].
	Stalled() (stalled <-chan struct{}, err error)
}

// A Continuer is a [Log] that takes what is under way longer than what begins.
type Continuer interface {
	// Continue is Admit for the next steps of what was admitted, so that it comes to its end:
	// it is refused when there is far less room than Admit leaves.
	Continue(ctx context.Context, bytes int) error
}

// Continue waits until a log can take about that many more bytes of what is under way.
func Continue(ctx context.Context, l Log, bytes int) error {
	if c, ok := l.(Continuer); ok {
		return c.Continue(ctx, bytes)
	}
	return l.Admit(ctx, bytes)
}

// A FuncWaiter is a [Log] that needs no goroutine for each unit that is waited for.
type FuncWaiter interface {
	// WaitFunc is Wait that returns at once and calls done with its result, under no lock
	// of the log. done must not block and must not call the log; it is not called if the
	// log is closed before the unit is durable.
	WaitFunc(u *Unit, done func(error))
}

// WaitFunc begins to sync a submitted unit and calls done when Wait would return, with its
// result. It is called outside all locks, and done may run before it returns.
func WaitFunc(l Log, u *Unit, done func(error)) {
	if w, ok := l.(FuncWaiter); ok {
		w.WaitFunc(u, done)
		return
	}
	go func() { done(l.Wait(u)) }()
}

// An Effect is what another package may add to a unit. Stage locks what it
// changes, checks that the change is still allowed, applies it to memory and
// writes its records into u. The caller submits u and then calls release, which
// unlocks and never fails. If Stage fails it has changed nothing, holds nothing
// and has added nothing to u; release is nil.
type Effect interface {
	Stage(u *Unit) (release func(), err error)
}
