package expr

import "sync/atomic"

// Limits on all evaluations that share a [Budget].
const (
	// MaxSteps bounds their work. A step is about what it takes to compare two
	// numbers or to look at 16 bytes of text, and a call of a function takes some
	// more: all steps together are a few seconds of one core.
	MaxSteps = 500_000_000
	// MaxBytes bounds what they produce in all their intermediate results, so that
	// nested calls cannot grow without end.
	MaxBytes = 256 << 20
)

// lookEvery is how many steps pass between two looks at the interrupt: well
// below a millisecond. No function does more than a few times as much at once.
const lookEvery = 1 << 16

// pauseAfter is how many looks make an evaluation long.
const pauseAfter = 2

// CodeLimitExceeded is the code of the error of evaluations that take more than
// their [Budget].
const CodeLimitExceeded = "ExpressionLimitExceeded"

// codeInterrupted is the code of the error of an evaluation that was interrupted.
// Nobody sees it: [Budget.Interrupted] tells that the evaluation does not count.
const codeInterrupted = "EvaluationInterrupted"

// An Interrupt ends evaluations from another goroutine. The zero value is ready
// for use and may be used by several goroutines at once.
type Interrupt struct {
	raised atomic.Bool
	// Pause is called by evaluations that take long, on their goroutine and about once
	// in a millisecond. It may wait. Nil: it is not called. It is set before first use.
	Pause func()
}

// Raise ends the evaluations whose [Budget] has this interrupt, and those that
// begin, until it is lowered.
func (i *Interrupt) Raise() { i.raised.Store(true) }

// Lower lets evaluations run again.
func (i *Interrupt) Lower() { i.raised.Store(false) }

// Raised reports whether the interrupt is raised; a nil one never is.
func (i *Interrupt) Raised() bool { return i != nil && i.raised.Load() }

// A Budget is what all evaluations of one decision may take together, for
// example all expressions of the start of one activity: [MaxSteps] of work and
// [MaxBytes] of results. It belongs to one goroutine.
type Budget struct {
	who         string
	interrupt   *Interrupt
	next        int64 // steps until the next look
	steps       int64 // left when next is used up
	bytes       int64 // left
	interrupted bool
	looks       int // how often it has looked
}

// NewBudget returns a full budget. The errors of evaluations that use it up name
// who takes too much: "the activity 'Filter1'". The interrupt may be nil.
func NewBudget(who string, interrupt *Interrupt) *Budget {
	return &Budget{who: who, interrupt: interrupt, steps: MaxSteps, bytes: MaxBytes}
}

// Produced returns how many bytes the evaluations have produced so far.
func (b *Budget) Produced() int64 { return MaxBytes - b.bytes }

// Interrupted reports whether an evaluation was ended by the interrupt. Then
// nothing that was made of the evaluations counts, whatever it looks like.
func (b *Budget) Interrupted() bool { return b.interrupted }

// spend takes n steps and looks at the interrupt from time to time.
func (b *Budget) spend(n int) error {
	if b.next -= int64(n); b.next >= 0 {
		return nil
	}
	return b.look()
}

// look ends the evaluation if the interrupt is raised or no steps are left. A long one
// may wait for others: see [Interrupt].
func (b *Budget) look() error {
	b.looks++
	if b.looks > pauseAfter && b.interrupt != nil && b.interrupt.Pause != nil {
		b.interrupt.Pause()
	}
	if b.interrupted || b.interrupt.Raised() {
		b.interrupted, b.next = true, -1
		return &Error{Code: codeInterrupted, Message: "The evaluation was interrupted.", Offset: -1}
	}
	b.steps += b.next // below zero: what was overdrawn
	if b.steps <= 0 {
		b.steps, b.next = 0, -1
		return b.exceeded(
			"%s take more than the limit of %d steps of work. Give the activity less data, or let a Web activity do this work.",
			MaxSteps)
	}
	b.next = min(lookEvery, b.steps)
	b.steps -= b.next
	return nil
}

// charge takes n bytes, and the steps that making them took.
func (b *Budget) charge(n int) error {
	if b.bytes -= int64(n); b.bytes < 0 {
		return b.exceeded(
			"%s produce more than the limit of %d bytes of intermediate results. Give the activity less data, or "+
				"let a Web activity do this work.",
			MaxBytes)
	}
	return b.spend(n / bytesPerStep)
}

// bytesPerStep is how much text one step looks at or copies.
const bytesPerStep = 16

func (b *Budget) exceeded(format string, limit int64) error {
	who := "The expressions"
	if b.who != "" {
		who += " of " + b.who
	}
	err := errorf(format, who, limit)
	err.Code = CodeLimitExceeded
	return err
}
