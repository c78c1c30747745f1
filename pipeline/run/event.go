package run

import (
	"reflect"
	"time"
)

// ID names one pipeline run: a GUID in its usual text form.
type ID = string

// DecisionVersion is the version of the rules of [State.Decide]. A run keeps
// the version it was created with, so a changed rule applies to runs created
// after the change.
const DecisionVersion = 1

// An Event is one entry of a run's history: a decision of [State.Decide] or an
// outcome that the engine reports with [State.Apply]. The set is closed: [kinds]
// lists it.
//
// Outcomes, which the engine makes: [ActivityFinished] for an attempt or a child run that
// is in flight, [AttemptAccepted] for an attempt, [TimerFired] for an armed timer, [CancelRequested]. [Created] is the
// first event of every history. Everything else is a decision.
//
// A new event is a struct with these methods, and [armer]'s if it arms a timer, in
// one file, and a row of the table.
type Event interface {
	// When returns the time at which the event happened.
	When() time.Time
	// fields visits every field in its order on disk.
	fields(c codec)
	// apply folds the event into the state. If it fails it has changed nothing.
	apply(s *State) error
}

// kinds numbers the events. The numbers are on disk: none is ever used again.
var kinds = [...]kind{
	1:  event[Created](),
	2:  event[ActivityStarted](),
	3:  event[ContainerStarted](),
	4:  event[IterationStarted](),
	5:  event[ActivityFinished](),
	6:  event[ActivitySkipped](),
	7:  event[RetryScheduled](),
	8:  event[TimerStarted](),
	9:  event[TimerFired](),
	10: event[VariableSet](),
	11: event[VariableAppended](),
	12: event[CancelRequested](),
	13: event[Finished](),
	14: event[ChildStarted](),
	15: event[Recovered](),
	16: event[ActivityReused](),
	17: event[AttemptAccepted](),
}

// A kind is what the table knows of one type of event.
type kind struct {
	of   reflect.Type
	make func() Event
	copy func(Event) Event // shallow
}

func event[T any, E interface {
	*T
	Event
}]() kind {
	return kind{
		of:   reflect.TypeFor[E](),
		make: func() Event { return E(new(T)) },
		copy: func(e Event) Event { c := *e.(E); return E(&c) },
	}
}

// numbers finds the row of an event.
var numbers = func() map[reflect.Type]uint8 {
	m := make(map[reflect.Type]uint8, len(kinds))
	for n, k := range kinds {
		if k.of != nil {
			m[k.of] = uint8(n)
		}
	}
	return m
}()

func numberOf(e Event) uint8 { return numbers[reflect.TypeOf(e)] }

// newEvent returns an empty event of a kind, nil if there is no such kind.
func newEvent(number uint8) Event {
	if int(number) >= len(kinds) || kinds[number].make == nil {
		return nil
	}
	return kinds[number].make()
}
