package run

import (
	"crypto/sha1"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"strconv"

	"switchyard/pipeline"
	"switchyard/value"
)

// Wanted reports whether the attempt of an execution activity is in flight: its
// outcome would be taken.
func (s *State) Wanted(path string, attempt int) bool {
	n := s.live[path]
	return n != nil && n.phase == running && n.started != nil && n.attempt == attempt &&
		s.status == InProgress && !n.aborted()
}

// TimerWanted reports whether the timer is still armed.
func (s *State) TimerWanted(t Timer) bool {
	n := s.live[t.Path]
	return n != nil && n.attempt == t.Attempt && n.timer() == t.Kind && s.status == InProgress && !n.aborted()
}

// InFlight returns the attempts to execute, in the order in which they started:
// after a restart, all of them again, but for those that wait to be called back.
func (s *State) InFlight() []*ActivityStarted {
	var out []*ActivityStarted
	for _, n := range s.flight {
		if n != nil && n.started != nil && !n.waitsForCall() && s.Wanted(n.path, n.attempt) {
			out = append(out, n.started)
		}
	}
	return out
}

// Timers returns the timers that are armed, in the order in which their
// activities started.
func (s *State) Timers() []Timer {
	var out []Timer
	for _, n := range s.flight {
		if n == nil {
			continue
		}
		if t := (Timer{n.path, n.attempt, n.timer(), n.fireAt}); t.Kind != 0 && s.TimerWanted(t) {
			out = append(out, t)
		}
	}
	return out
}

// A Call is what an executor needs to know beside the [ActivityStarted].
type Call struct {
	// Activity is the definition.
	Activity *pipeline.Activity
	// ActivityRunID is the same whenever this attempt is executed: outgoing
	// requests carry it, so that a repetition can be recognised.
	ActivityRunID string
	// LinkedService is the reference with its parameters resolved; nil when the
	// activity has none.
	LinkedService *pipeline.Reference
	// Inputs and Outputs are the dataset references with their parameters
	// resolved.
	Inputs, Outputs []*pipeline.Reference
	Seed            uint64
	// Poll is where the answer to a call that was made before is asked for; "": none was.
	Poll string
	// Masker masks what the run's secrets are as of now.
	Masker Masker
}

// Call describes an attempt that [State.Decide] started or [State.InFlight]
// returned.
func (s *State) Call(e *ActivityStarted) Call {
	c := Call{ActivityRunID: activityRunID(s.created.ID, e.Path, e.Attempt),
		Seed: seed(s.created.ID, e.Path, e.Attempt), Masker: s.masker().With(nil)}
	n := s.live[e.Path]
	if n == nil {
		return c
	}
	c.Activity = n.step.def
	if n.accepted != nil && n.attempt == e.Attempt {
		c.Poll = n.accepted.Poll
	}
	if ref := c.Activity.LinkedService; ref != nil {
		resolved := *ref
		resolved.Parameters = e.LinkedServiceParameters
		c.LinkedService = &resolved
	}
	c.Inputs = resolvedReferences(c.Activity.Inputs, e.Inputs)
	c.Outputs = resolvedReferences(c.Activity.Outputs, e.Outputs)
	return c
}

func resolvedReferences(refs []*pipeline.Reference, parameters value.Array) []*pipeline.Reference {
	var out []*pipeline.Reference
	for i, ref := range refs {
		resolved := *ref
		if i < len(parameters) {
			resolved.Parameters, _ = parameters[i].(*value.Object)
		}
		out = append(out, &resolved)
	}
	return out
}

// appendKey appends the name of one attempt within a run: "Loop[17]/Call#1".
func appendKey(b []byte, path string, attempt int) []byte {
	return strconv.AppendInt(append(append(b, path...), '#'), int64(attempt), 10)
}

// ActivityRunID returns the id of an attempt's record.
func (s *State) ActivityRunID(path string, attempt int) string {
	return activityRunID(s.created.ID, path, attempt)
}

// activityRunID is the UUID version 5 of the key in the name space of the run.
func activityRunID(run ID, path string, attempt int) string {
	return uuidWithin(run, func(b []byte) []byte { return appendKey(b, path, attempt) })
}

// childRunID is that of the key with a prefix that no path has.
func childRunID(run ID, path string, attempt int) ID {
	return uuidWithin(run, func(b []byte) []byte { return appendKey(append(b, "/run of "...), path, attempt) })
}

// uuidWithin returns the UUID version 5 of a name in the name space of the run.
func uuidWithin(run ID, appendName func([]byte) []byte) string {
	b := make([]byte, 0, 128)
	if ns, ok := parseUUID(run); ok {
		b = append(b, ns[:]...)
	} else {
		b = append(b, run...)
	}
	sum := sha1.Sum(appendName(b))
	u := [16]byte(sum[:])
	u[6] = u[6]&0x0f | 0x50
	u[8] = u[8]&0x3f | 0x80
	s := hex.AppendEncode(b[:0], u[:])
	return string(slices.Concat(s[:8], dash, s[8:12], dash, s[12:16], dash, s[16:20], dash, s[20:]))
}

var dash = []byte("-")

// parseUUID reads 32 hex digits with dashes anywhere.
func parseUUID(s string) (u [16]byte, ok bool) {
	var digits [32]byte
	n := 0
	for i := range len(s) {
		if s[i] == '-' {
			continue
		}
		if n == len(digits) {
			return u, false
		}
		digits[n] = s[i]
		n++
	}
	_, err := hex.Decode(u[:], digits[:n])
	return u, err == nil && n == len(digits)
}

// seed determines what guid() and rand() return in an attempt.
func seed(run ID, path string, attempt int) uint64 {
	h := sha256.Sum256(appendKey(append(append(make([]byte, 0, 128), run...), 0), path, attempt))
	return binary.BigEndian.Uint64(h[:8])
}
