package run

import (
	"fmt"
	"strings"
	"time"

	"switchyard/expr"
	"switchyard/pipeline"
	"switchyard/value"
)

// Decide takes the decisions that can be taken now, at most max, and returns them
// as events, in order and already applied. The engine makes them durable before it
// acts on them. Decide looks only at the state and at now, so a state that was
// folded from any part of the history decides the same as the one that wrote it.
//
// The result left reports that decisions may be left: there were max, or the
// interrupt, which may be nil, was raised. Decide looks at it before each decision
// and all through evaluations; a decision that it ends is not taken and has changed
// nothing, so the next call takes it from the beginning, unless an event that was
// applied in between has made it needless. The caller lowers the interrupt.
func (s *State) Decide(now time.Time, max int, interrupt *expr.Interrupt) (events []Event, left bool) {
	now = now.UTC()
	s.interrupt = interrupt
	for len(events) < max {
		if interrupt.Raised() {
			return events, true
		}
		s.budget, s.unread = nil, nil
		if s.keeper != nil {
			s.keeper.Begin()
		}
		e := s.next(now)
		switch {
		case s.budget != nil && s.budget.Interrupted():
			return events, true
		case e == nil:
			return events, false
		}
		e = s.keep(e)
		if err := s.Apply(e); err != nil {
			panic(fmt.Sprintf("run: a decision does not fit: %v", err)) // a broken invariant of ours
		}
		events = append(events, e)
	}
	return events, true
}

// next returns the next decision without applying it; nil if there is none.
func (s *State) next(now time.Time) Event {
	switch {
	case s.status.Final():
		return nil
	case s.status == Canceling:
		if n := s.lastInFlight(nil); n != nil {
			return &ActivityFinished{Path: n.path, Attempt: n.attempt, Status: Cancelled, At: now}
		}
		return &Finished{Status: Cancelled, Message: "", At: now}
	case s.root.remaining == 0:
		e := &Finished{Status: s.root.outcome(), At: now}
		if e.Status == Failed {
			e.Message = s.failureMessage()
		}
		return e
	}
	for s.head < len(s.queue) {
		t := s.queue[s.head]
		if t.node.turn == t.turn && t.node.phase.open() && !t.node.aborted() {
			e := s.decide(t.node, now)
			if s.unread != nil { // whatever was made of it
				e = t.node.fail(now, s.unread)
			}
			return e
		}
		// The node has moved on. What has been taken off the queue is never looked
		// at again, so this changes no decision.
		s.queue[s.head] = task{}
		if s.head++; s.head > 1024 && s.head > len(s.queue)/2 {
			kept := append(s.queue[:0], s.queue[s.head:]...)
			clear(s.queue[len(kept):])
			s.queue, s.head = kept, 0
		}
	}
	return nil
}

// lastInFlight returns what started last among the descendants of o, or in the
// run, and is neither done nor waiting to be retried: children come before their
// containers.
func (s *State) lastInFlight(o *node) *node {
	for i := len(s.flight) - 1; i >= 0; i-- {
		if n := s.flight[i]; n != nil && n.phase != backoff && (o == nil || n.inside(o)) {
			return n
		}
	}
	return nil
}

// failureMessage names the failed activities of the pipeline's own scope in the
// order in which they ended, handled or not [ENGINE 3.2].
func (s *State) failureMessage() string {
	var b strings.Builder
	for i, n := range s.root.failed {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "Operation on target %s failed: %s", n.step.def.Name, n.reason())
	}
	return b.String()
}

// reason is the error message of a node that counts as failed.
func (n *node) reason() string {
	switch {
	case n.status == Inactive:
		return "The activity is inactive and marked as Failed."
	case n.status == Cancelled:
		return "The activity was cancelled."
	case n.record.Error == nil:
		return ""
	}
	return n.record.Error.Message
}

// decide takes the decision that a node waits for.
func (s *State) decide(n *node, now time.Time) Event {
	switch n.phase {
	case ready:
		return s.start(n, now)
	case timedOut:
		return &ActivityFinished{Path: n.path, Attempt: n.attempt, Status: Failed, At: now,
			Error: &pipeline.ActivityError{
				Code: CodeActionTimedOut, FailureType: pipeline.UserError,
				Message: fmt.Sprintf("The activity did not finish within its timeout of %s.",
					pipeline.FormatTimespan(n.started.Timeout)),
			}}
	case retrying:
		return &RetryScheduled{Path: n.path, Attempt: n.attempt + 1,
			FireAt: now.Add(n.started.RetryInterval), At: now}
	case aborting:
		if x := s.lastInFlight(n); x != nil {
			return &ActivityFinished{Path: x.path, Attempt: x.attempt, Status: Cancelled, At: now}
		}
		return n.fail(now, &pipeline.ActivityError{
			Code: CodeActionTimedOut, FailureType: pipeline.UserError,
			Message: "The Until activity did not finish within its timeout.",
		})
	}
	return s.end(n, now)
}

// fail ends an activity that has no attempts to repeat.
func (n *node) fail(now time.Time, err *pipeline.ActivityError) *ActivityFinished {
	e := &ActivityFinished{Path: n.path, Attempt: n.attempt, Status: Failed, Error: err, At: now}
	if n.phase == ready {
		e.SecureInput, e.SecureOutput = n.step.def.Policy.SecureInput, n.step.def.Policy.SecureOutput
	}
	return e
}

// start decides what becomes of an activity whose dependencies are finished.
func (s *State) start(n *node, now time.Time) Event {
	if n.attempt == 1 && !n.satisfied() {
		return &ActivitySkipped{Path: n.path, At: now}
	}
	if n.step.def.Inactive {
		return &ActivityFinished{Path: n.path, Attempt: 1, Status: Inactive, At: now}
	}
	if aerr := s.room(n); aerr != nil {
		return n.fail(now, aerr)
	}
	c := s.context(n, now)
	user, err := userProperties(c, n.step.def)
	if err != nil {
		return n.fail(now, invalid(err))
	}
	if s.reusable(n) != nil {
		return &ActivityReused{Path: n.path, At: now, UserProperties: user}
	}
	e, aerr := s.startKind(n, c, user, now)
	if aerr != nil {
		f := n.fail(now, aerr)
		f.UserProperties = user
		return f
	}
	return e
}

func (s *State) startKind(n *node, c *expr.Context, user *value.Object,
	now time.Time) (Event, *pipeline.ActivityError) {
	switch n.step.kind {
	case kindExecution:
		return s.startExecution(n, c, user, now)
	case kindSetVariable:
		return s.setVariable(n, c, user, now)
	case kindAppendVariable:
		return s.appendVariable(n, c, user, now)
	case kindIf:
		return startIf(n, c, user, now)
	case kindSwitch:
		return startSwitch(n, c, user, now)
	case kindForEach:
		return s.startForEach(n, c, user, now)
	case kindUntil:
		return startUntil(n, c, user, now)
	case kindFilter:
		return filter(n, c, user, now)
	case kindWait:
		return startWait(n, c, user, now)
	case kindFail:
		return failActivity(n, c, user, now)
	case kindExecutePipeline:
		return s.startChild(n, c, user, now)
	}
	return nil, &pipeline.ActivityError{Code: CodeNotSupported, FailureType: pipeline.UserError,
		Message: fmt.Sprintf("Activities of type %s are not supported.", n.step.def.Type)}
}

func userProperties(c *expr.Context, a *pipeline.Activity) (*value.Object, error) {
	if len(a.UserProperties) == 0 {
		return nil, nil
	}
	o := &value.Object{}
	for _, p := range a.UserProperties {
		v, err := c.Evaluate(p.Value)
		if err != nil {
			return nil, err
		}
		o.Set(p.Name, v)
	}
	return o, nil
}

// resolve evaluates the members of an object.
func resolve(c *expr.Context, o *value.Object) (*value.Object, error) {
	if o == nil {
		return nil, nil
	}
	out := &value.Object{}
	for _, m := range o.Members() {
		v, err := c.Evaluate(m.Value)
		if err != nil {
			return nil, err
		}
		out.Set(m.Name, v)
	}
	return out, nil
}

// startExecution resolves the inputs of an attempt, again for each.
func (s *State) startExecution(n *node, c *expr.Context, user *value.Object,
	now time.Time) (Event, *pipeline.ActivityError) {
	a := n.step.def
	e := &ActivityStarted{
		Path: n.path, Attempt: n.attempt, Activity: a.Name, Type: a.Type, At: now,
		RetryInterval: a.Policy.RetryInterval, SecureInput: a.Policy.SecureInput,
		SecureOutput: a.Policy.SecureOutput, UserProperties: user,
	}
	var err error
	if e.Input, err = resolve(c, a.TypeProperties); err != nil {
		return nil, invalid(err)
	}
	if a.LinkedService != nil {
		e.LinkedService = a.LinkedService.Name
		if e.LinkedServiceParameters, err = resolve(c, a.LinkedService.Parameters); err != nil {
			return nil, invalid(err)
		}
	}
	if e.Inputs, err = resolveParameters(c, a.Inputs); err != nil {
		return nil, invalid(err)
	}
	if e.Outputs, err = resolveParameters(c, a.Outputs); err != nil {
		return nil, invalid(err)
	}
	if e.Timeout, err = attemptTimeout(c, a, e.Input); err != nil {
		return nil, invalid(err)
	}
	if a.Row != nil && !a.Row.HasPolicy() {
		return e, nil
	}
	retry, err := c.Evaluate(a.Policy.Retry)
	if err == nil {
		e.Retry, err = pipeline.RetryCount(retry)
	}
	if err != nil {
		return nil, invalid(err)
	}
	return e, nil
}

func resolveParameters(c *expr.Context, refs []*pipeline.Reference) (value.Array, error) {
	var out value.Array
	for _, ref := range refs {
		o, err := resolve(c, ref.Parameters)
		if err != nil {
			return nil, err
		}
		if o == nil {
			out = append(out, nil)
		} else {
			out = append(out, o)
		}
	}
	return out, nil
}

// attemptTimeout is policy.timeout, or timeout in typeProperties, which input holds
// resolved, for the types that carry their own.
func attemptTimeout(c *expr.Context, a *pipeline.Activity, input *value.Object) (time.Duration, error) {
	v := a.Policy.Timeout
	if a.Row != nil && a.Row.OwnTimeout {
		v, _ = input.Lookup("timeout")
	}
	return timeout(c, v, a.Row.AttemptTimeout(), pipeline.MaxTimeout)
}

func timeout(c *expr.Context, v value.Value, absent, max time.Duration) (time.Duration, error) {
	v, err := c.Evaluate(v)
	if err != nil || v == nil {
		return absent, err
	}
	s, ok := v.(string)
	if !ok {
		return 0, fmt.Errorf("timeout is of type %s, want a timespan", pipeline.TypeName(v))
	}
	d, err := pipeline.ParseTimespan(s)
	if err != nil {
		return 0, err
	}
	if d <= 0 || d > max {
		return 0, fmt.Errorf("timeout %s is not between 0 and %s", s, pipeline.FormatTimespan(max))
	}
	return d, nil
}
