package run

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"switchyard/pipeline"
	"switchyard/value"
)

var (
	// ErrNotWanted reports an outcome of the past: an attempt that is no longer in
	// flight, a timer that is not armed, a second cancellation, anything after the
	// run has finished. Nothing has changed; the outcome is dropped.
	ErrNotWanted = errors.New("not wanted")
	// ErrMisplacedEvent reports an event that does not fit the history so far:
	// the history is damaged or not of this run.
	ErrMisplacedEvent = errors.New("event does not fit the run's history")
	// ErrNewerRun reports a run whose decision rules this program does not know.
	ErrNewerRun = errors.New("run created by a newer version")
)

// A State is one pipeline run as far as its events tell. It belongs to one
// goroutine.
type State struct {
	created  *Created
	def      *pipeline.Pipeline
	status   Status
	message  string
	finished time.Time
	cancelAt time.Time

	root      *scope
	live      map[string]*node // by path, the nodes of open scopes
	queue     []task           // decisions to take, oldest first
	head      int
	flight    []*node // started and not done, in order of start; nil where one has landed
	landed    int     // nils in flight
	variables []variable
	byName    map[string]int // of variables, lower case

	returnValue *value.Object
	pipeline    *value.Object // pipeline()
	records     []*ActivityRecord
}

type variable struct {
	def   *pipeline.Variable
	value value.Value
	owned bool // the backing array of value is ours to append to
}

// A task is a decision that a node waits for. It is stale once the node has
// moved on.
type task struct {
	node *node
	turn int // of the node when the task was put in the queue
}

// New makes the state of a run from its first event. The error is about the
// definition: a run that was created with a definition that New accepts will
// fold.
func New(c *Created) (*State, error) {
	if c.Version < 1 || c.Version > DecisionVersion {
		return nil, fmt.Errorf("run %s: %w: decision version %d, this one knows 1 to %d", c.ID, ErrNewerRun, c.Version, DecisionVersion)
	}
	def, diags := pipeline.ParsePipeline(c.PipelineName, c.Definition)
	if err := diags.Err(); err != nil {
		return nil, fmt.Errorf("run %s: %w", c.ID, err)
	}
	g, err := newGraph(def.Activities)
	if err != nil {
		return nil, fmt.Errorf("run %s: pipeline %q: %w", c.ID, c.PipelineName, err)
	}
	s := &State{
		created:     c,
		def:         def,
		status:      InProgress,
		live:        make(map[string]*node),
		byName:      make(map[string]int, len(def.Variables)),
		returnValue: &value.Object{},
		pipeline:    pipelineObject(c),
	}
	for i, v := range def.Variables {
		s.variables = append(s.variables, variable{def: v, value: v.Default})
		s.byName[strings.ToLower(v.Name)] = i
	}
	s.root = s.open(g, nil, 0)
	return s, nil
}

// push puts a node before Decide.
func (s *State) push(n *node, p phase) {
	n.phase = p
	n.turn++
	s.queue = append(s.queue, task{n, n.turn})
}

// launch adds a node to those in flight.
func (s *State) launch(n *node) {
	n.inFlight = len(s.flight) + 1
	s.flight = append(s.flight, n)
}

// land removes a node from those in flight, if it is there.
func (s *State) land(n *node) {
	if n.inFlight == 0 {
		return
	}
	s.flight[n.inFlight-1] = nil
	n.inFlight = 0
	if s.landed++; s.landed > 64 && s.landed > len(s.flight)/2 {
		kept := s.flight[:0]
		for _, x := range s.flight {
			if x != nil {
				kept = append(kept, x)
				x.inFlight = len(kept)
			}
		}
		clear(s.flight[len(kept):])
		s.flight, s.landed = kept, 0
	}
}

// Apply folds one event: a decision read from history, or an outcome. It never
// evaluates an expression. An event that is refused has changed nothing: with
// [ErrNotWanted] it may be dropped, with [ErrMisplacedEvent] the history is
// damaged.
func (s *State) Apply(e Event) error {
	if s.status.Final() {
		return fmt.Errorf("run %s: %w: the run has finished", s.created.ID, ErrNotWanted)
	}
	if err := s.apply(e); err != nil {
		return fmt.Errorf("run %s: %T: %w", s.created.ID, e, err)
	}
	return nil
}

func misplaced(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrMisplacedEvent, fmt.Sprintf(format, args...))
}

// expect looks up a node that must be in the given phase.
func (s *State) expect(path string, attempt int, p phase) (*node, error) {
	n := s.live[path]
	if n == nil || n.phase != p || n.attempt != attempt {
		return nil, misplaced("%s, attempt %d", path, attempt)
	}
	return n, nil
}

func (s *State) apply(e Event) error {
	switch e := e.(type) {
	case *ActivityStarted:
		n, err := s.expect(e.Path, e.Attempt, ready)
		if err != nil {
			return err
		}
		n.phase, n.started, n.fireAt = running, e, e.At.Add(e.Timeout)
		s.launch(n)
		s.begin(n, e.At, e.Input, e.UserProperties, e.SecureInput, e.SecureOutput).LinkedService = e.LinkedService
	case *ContainerStarted:
		return s.containerStarted(e)
	case *IterationStarted:
		n, err := s.expect(e.Path, 1, ending)
		if err != nil {
			return err
		}
		if n.step.kind != kindUntil {
			return misplaced("%s is no Until", e.Path)
		}
		n.phase = running
		s.iteration(n, e.Iteration)
	case *ActivityFinished:
		return s.activityFinished(e)
	case *ActivitySkipped:
		n, err := s.expect(e.Path, 1, ready)
		if err != nil {
			return err
		}
		s.finish(n, Skipped)
	case *RetryScheduled:
		n, err := s.expect(e.Path, e.Attempt-1, retrying)
		if err != nil {
			return err
		}
		n.phase, n.attempt, n.fireAt, n.started = backoff, e.Attempt, e.FireAt, nil
		s.launch(n)
	case *TimerStarted:
		n, err := s.expect(e.Path, 1, ready)
		if err != nil {
			return err
		}
		n.phase, n.fireAt = running, e.FireAt
		s.launch(n)
		s.begin(n, e.At, e.Input, e.UserProperties, false, false)
	case *TimerFired:
		return s.timerFired(e)
	case *VariableSet:
		return s.variableSet(e)
	case *VariableAppended:
		return s.variableAppended(e)
	case *CancelRequested:
		if s.status == Canceling {
			return fmt.Errorf("%w: the run is being cancelled", ErrNotWanted)
		}
		s.status, s.cancelAt = Canceling, e.At
	case *Finished:
		if !e.Status.Final() {
			return misplaced("status %s", e.Status)
		}
		s.status, s.message, s.finished = e.Status, e.Message, e.At
		s.live, s.queue, s.flight = nil, nil, nil
	default:
		return misplaced("a second %T", e)
	}
	return nil
}

func (s *State) containerStarted(e *ContainerStarted) error {
	n, err := s.expect(e.Path, 1, ready)
	if err != nil {
		return err
	}
	g := n.step.branch(e.Branch)
	if g == nil || n.step.kind == kindForEach && e.Queues < 1 {
		return misplaced("%s has no branch %q with %d queues", e.Path, e.Branch, e.Queues)
	}
	n.phase, n.fireAt = running, e.Deadline
	n.children = &children{graph: g, items: e.Items, queues: e.Queues}
	s.launch(n)
	s.begin(n, e.At, e.Input, e.UserProperties, false, false)
	switch n.step.kind {
	case kindForEach:
		if len(e.Items) == 0 || len(g.steps) == 0 {
			s.push(n, ending)
			return nil
		}
		for i := range min(e.Queues, len(e.Items)) {
			s.iterate(n, i)
		}
	default:
		s.iteration(n, 1)
	}
	return nil
}

// iteration opens the one scope of an If or Switch, or the next of an Until.
func (s *State) iteration(n *node, i int) {
	if sc := s.open(n.children.graph, n, i); sc.remaining == 0 {
		s.closed(sc)
	}
}

func (s *State) activityFinished(e *ActivityFinished) error {
	switch e.Status {
	case Succeeded, Failed, Cancelled, Inactive:
	default:
		return misplaced("%s ends with status %s", e.Path, e.Status)
	}
	n := s.live[e.Path]
	if n == nil || n.attempt != e.Attempt || e.Status != Cancelled && (s.status == Canceling || n.aborted()) {
		return fmt.Errorf("%w: %s, attempt %d", ErrNotWanted, e.Path, e.Attempt)
	}
	switch n.phase {
	case ready:
		s.begin(n, e.At, e.Input, e.UserProperties, e.SecureInput, e.SecureOutput)
	case running:
		if n.children != nil && e.Status != Cancelled {
			return misplaced("%s has children in flight", e.Path)
		}
	case timedOut, ending, aborting:
	default:
		return fmt.Errorf("%w: %s, attempt %d", ErrNotWanted, e.Path, e.Attempt)
	}
	r := n.record
	r.Status, r.End, r.Output, r.Error = e.Status, e.At, e.Output, e.Error
	if e.Status == Failed && r.Error == nil {
		r.Error = &ActivityError{FailureType: FailureSystem, Message: "the activity failed and gave no reason"}
	}
	if n.started != nil && e.Status == Failed && e.Attempt <= n.started.Retry {
		s.land(n)
		s.push(n, retrying)
		return nil
	}
	s.finish(n, e.Status)
	return nil
}

func (s *State) timerFired(e *TimerFired) error {
	n := s.live[e.Path]
	if n == nil || n.attempt != e.Attempt || n.timer() != e.Timer || n.aborted() || s.status == Canceling {
		return fmt.Errorf("%w: timer %s of %s, attempt %d", ErrNotWanted, e.Timer, e.Path, e.Attempt)
	}
	switch e.Timer {
	case TimerWait:
		s.push(n, ending)
	case TimerRetry:
		s.land(n)
		s.push(n, ready)
	case TimerAttempt:
		s.push(n, timedOut)
	case TimerUntil:
		s.push(n, aborting)
	}
	return nil
}

func (s *State) variableSet(e *VariableSet) error {
	n, err := s.expect(e.Path, 1, ready)
	if err != nil {
		return err
	}
	i, ok := s.byName[strings.ToLower(e.Name)]
	input := value.NewObject(value.Member{Name: "variableName", Value: e.Name}, value.Member{Name: "value", Value: e.Value})
	switch o, isObject := e.Value.(*value.Object); {
	case e.System && isObject:
		returned := s.returnValue.Clone()
		for _, m := range o.Members() {
			returned.Set(m.Name, m.Value)
		}
		s.returnValue = returned
		input.Set("setSystemVariable", true)
	case ok && !e.System:
		s.variables[i].value, s.variables[i].owned = e.Value, false
	default:
		return misplaced("no variable %q", e.Name)
	}
	s.begin(n, e.At, input, e.UserProperties, e.SecureInput, e.SecureOutput)
	s.assigned(n, e.Name, e.Value, e.At)
	return nil
}

func (s *State) variableAppended(e *VariableAppended) error {
	n, err := s.expect(e.Path, 1, ready)
	if err != nil {
		return err
	}
	i, ok := s.byName[strings.ToLower(e.Name)]
	if !ok || s.variables[i].def.Type != pipeline.VariableArray {
		return misplaced("no array variable %q", e.Name)
	}
	v := &s.variables[i]
	// Appending shares the backing array: an older value of the variable is
	// shorter and never sees the new element, and only the newest one grows.
	a, _ := v.value.(value.Array)
	if !v.owned {
		a = append(make(value.Array, 0, 2*len(a)+8), a...)
		v.owned = true
	}
	v.value = append(a, e.Value)
	input := value.NewObject(value.Member{Name: "variableName", Value: e.Name}, value.Member{Name: "value", Value: e.Value})
	s.begin(n, e.At, input, e.UserProperties, false, false)
	s.assigned(n, e.Name, e.Value, e.At)
	return nil
}

// assigned ends a SetVariable or AppendVariable.
func (s *State) assigned(n *node, name string, val value.Value, at time.Time) {
	n.record.Status, n.record.End = Succeeded, at
	n.record.Output = value.NewObject(value.Member{Name: "name", Value: name}, value.Member{Name: "value", Value: val})
	s.finish(n, Succeeded)
}
