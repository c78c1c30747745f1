package run

import (
	"errors"
	"time"

	"switchyard/value"
)

// An encoded state is
//
//	+---------+----------+------------+-----+--------------------+---------+--------+----------------+
//	| version | of the   | definition | run | fields of the run, | records | scopes | queue, flight  |
//	|         | events   |            |     | variables, secrets |         |        |                |
//	+---------+----------+------------+-----+--------------------+---------+--------+----------------+
//	   1 byte    1 byte     32 bytes    text
//
// with fields and values as in events, and two more tags of values, for what is elsewhere
// ([Kept]). Where an optional object may be, a boolean of 2 says that it is elsewhere. A run
// that has finished ends behind its records.
//
// A scope is its nodes, in the order of the definition, and the places of those that have
// failed, in the order of their ends. What of a node is there depends on its phase. What
// follows from the definition is left out: paths, timers' kinds, how many dependencies are
// not finished. So are scopes that nobody waits for any more. Queue and flight name nodes by
// their place among all that are written.
//
// Equal states are written alike. The version changes whenever this does, and whenever a
// fold of the same events comes to another state; no other version is read. A state is an
// aid: whoever has the events folds them instead.
const stateVersion = 1

var (
	// ErrMalformedState reports bytes that are no state of the run.
	ErrMalformedState = errors.New("malformed state")
	// ErrOtherState reports a state of another version of the program, of another run or of
	// another definition.
	ErrOtherState = errors.New("state of another version or run")
)

// fields visits what a state has beside its scopes. What is recovered and the records are in
// the order of their paths and their numbers.
func (s *State) fields(c codec, recovered *[]*Recovered, records *[]*ActivityRecord) {
	c.small((*uint8)(&s.status))
	c.text(&s.message)
	c.time(&s.finished)
	c.int(&s.began)
	c.int(&s.ended)
	visitInt64(c, &s.held)
	c.bool(&s.recorded)
	c.object(&s.returnValue)
	for i := range s.variables {
		v := &s.variables[i]
		c.value(&v.value)
		c.array(&v.tail)
		visitInt64(c, &v.held)
	}
	c.bool(&s.secrets.all)
	c.bool(&s.secrets.revealed)
	c.int(&s.secrets.bytes)
	c.texts(&s.secrets.texts)
	c.array((*value.Array)(&s.secrets.parts))
	visitList(c, recovered, func(e *Recovered) { e.fields(c) })
	visitList(c, records, func(r *ActivityRecord) { r.fields(c) })
}

func (r *ActivityRecord) fields(c codec) {
	c.int(&r.number)
	c.text(&r.Name)
	c.text(&r.Type)
	c.text(&r.Path)
	c.int(&r.Attempt)
	c.bool(&r.Execution)
	c.text(&r.LinkedService)
	c.small((*uint8)(&r.Status))
	c.time(&r.Start)
	c.time(&r.End)
	c.object(&r.Input)
	c.value(&r.Output)
	visitError(c, &r.Error)
	c.object(&r.UserProperties)
	c.bool(&r.SecureInput)
	c.bool(&r.SecureOutput)
	c.int(&r.Attempts)
	c.time(&r.NextAttempt)
	c.text(&r.Branch)
	c.value(&r.Evaluated)
	c.array(&r.Items)
	c.text(&r.ChildRunID)
	c.time(&r.Accepted)
	c.bool(&r.Reused)
	c.text(&r.loop)
	c.text(&r.top)
	c.bool(&r.until)
}

func (c *children) fields(x codec) {
	x.int(&c.queues)
	x.bool(&c.failed)
	x.optional(c.culprit != nil, func() {
		if c.culprit == nil {
			c.culprit = new(culprit)
		}
		x.text(&c.culprit.name)
		x.text(&c.culprit.reason)
	})
	x.array(&c.items)
	visitInt64(x, &c.held)
}

func (c *Child) fields(x codec) {
	x.text(&c.Pipeline)
	x.text(&c.RunID)
}

func visitInt64(c codec, p *int64) { c.duration((*time.Duration)(p)) }

// visitList visits the elements of a list, which are made when reading.
func visitList[T any](c codec, list *[]*T, visit func(*T)) {
	for i := 0; ; i++ {
		more := i < len(*list)
		c.bool(&more)
		if !more {
			return
		}
		if i == len(*list) {
			*list = append(*list, new(T))
		}
		visit((*list)[i])
	}
}

// may reports whether a node of an activity can be in a phase.
func (k activityKind) may(p phase) bool {
	switch p {
	case waiting, ready, done:
		return true
	case timedOut, retrying, backoff:
		return k == kindExecution
	case running:
		return k == kindExecution || k == kindWait || k == kindExecutePipeline || k.container()
	case ending:
		return k == kindWait || k == kindExecutePipeline || k.container()
	case aborting:
		return k == kindUntil
	}
	return false
}

func (k activityKind) container() bool {
	return k == kindIf || k == kindSwitch || k == kindForEach || k == kindUntil
}

// flies reports whether a node in the phase is among those in flight.
func (p phase) flies() bool {
	return p == running || p == timedOut || p == backoff || p == ending || p == aborting
}

// hasStarted reports whether the attempt's start is known: what it was given.
func (n *node) hasStarted() bool {
	return n.step.kind == kindExecution && (n.phase == running || n.phase == timedOut || n.phase == retrying)
}

// timerKind is the kind of the timer that may run for a node.
func (n *node) timerKind() TimerKind {
	switch k := n.step.kind; {
	case n.phase == backoff:
		return TimerRetry
	case n.phase == running && k == kindExecution:
		return TimerAttempt
	case n.phase == running && k == kindWait:
		return TimerWait
	case k == kindUntil && (n.phase == running || n.phase == ending):
		return TimerUntil
	}
	return 0
}
