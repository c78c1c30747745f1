package run

import (
	"errors"

	"switchyard/pipeline"
	"switchyard/value"
)

// A Kept stands in a value of a folded event for a part that only the history
// holds: what is large is read back when an expression asks for it, so a run does
// not hold in memory all that its activities have answered. In an encoded event a
// null stands there; the frame around it names the number.
type Kept struct{ Number uint64 }

// keptWhole stands, as the only member of an object, for the object.
type keptWhole struct{ Kept }

// A Keeper holds the large values of one run. It belongs to the run's owner.
type Keeper interface {
	// Begin is called before each decision.
	Begin()
	// Keep is called with each decision before it is folded. It returns the event
	// that is folded instead: a copy in whose parts a [Kept] stands for what is
	// large.
	Keep(e Event) Event
	// Load returns v with every [Kept] replaced by what it stands for. An error that
	// is a [*pipeline.ActivityError] is that of the activity whose expressions asked.
	Load(v value.Value) (value.Value, error)
	// Peek is Load outside of decisions. It fails if the whole takes more than a few MiB.
	Peek(v value.Value) (value.Value, error)
	// Afford returns the error of an activity if the run may not hold that many
	// bytes in its variables and loops, nil if it may. More is how much of them the
	// activity asks for.
	Afford(activity string, held, more int64) *pipeline.ActivityError
	// Starts returns the error of an activity that may not start because of what the
	// history of the run takes, nil if it may.
	Starts(activity string) *pipeline.ActivityError
}

// SetKeeper gives the state what holds its large values. Without one there is no
// [Kept] in the events.
func (s *State) SetKeeper(k Keeper) { s.keeper = k }

// keep returns the event to fold of a decision.
func (s *State) keep(e Event) Event {
	if s.keeper == nil {
		return e
	}
	return s.keeper.Keep(e)
}

// load returns a value with all its parts; ok is false if one can't be read. The
// decision then fails with the reason.
func (s *State) load(v value.Value) (whole value.Value, ok bool) {
	if s.keeper == nil {
		return v, true
	}
	whole, err := s.keeper.Load(v)
	if err == nil {
		return whole, true
	}
	if s.unread == nil && !errors.As(err, &s.unread) {
		s.unread = &pipeline.ActivityError{Code: CodeUnreadable, FailureType: pipeline.SystemError,
			Message: "A value of the run can't be read back from its history: " + err.Error()}
	}
	return nil, false
}

// afford returns the error of an activity that makes the run hold too much.
func (s *State) afford(n *node, more int64) *pipeline.ActivityError {
	if s.keeper == nil {
		return nil
	}
	return s.keeper.Afford(n.step.def.Name, s.held, more)
}

// room returns the error of an activity that may not start.
func (s *State) room(n *node) *pipeline.ActivityError {
	if s.keeper == nil {
		return nil
	}
	return s.keeper.Starts(n.step.def.Name)
}

// Held is about how many bytes of memory the run's variables and loops take.
func (s *State) Held() int64 { return s.held }

// HoldsKept reports whether a [Kept] stands anywhere in a value. What is folded is
// small, so it looks at all of it.
func HoldsKept(v value.Value) bool {
	switch v := v.(type) {
	case Kept, keptWhole:
		return true
	case value.Array:
		for i := range v {
			if HoldsKept(v[i]) {
				return true
			}
		}
	case *value.Object:
		for _, m := range v.Members() {
			if HoldsKept(m.Value) {
				return true
			}
		}
	}
	return false
}

// Whole returns what stands for v itself, if it is not here.
func Whole(v value.Value) (k Kept, ok bool) {
	if o, isObject := v.(*value.Object); isObject && o.Len() == 1 {
		w, ok := o.At(0).Value.(keptWhole)
		return w.Kept, ok
	}
	k, ok = v.(Kept)
	return k, ok
}

// Footprint is about how much memory a value takes.
func Footprint(v value.Value) int64 {
	const word, any = 8, 2 * 8
	switch v := v.(type) {
	case string:
		return int64(len(v)) + 2*word
	case value.Array:
		n := int64(3*word + any*cap(v))
		for i := range v {
			n += Footprint(v[i])
		}
		return n
	case *value.Object:
		n := int64(6 * word)
		for _, m := range v.Members() {
			n += int64(len(m.Name)) + 2*word + any + Footprint(m.Value)
		}
		return n
	case nil, bool:
		return 0
	}
	return word
}
