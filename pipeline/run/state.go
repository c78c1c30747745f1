package run

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"switchyard/expr"
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
	revision *Revision
	def      *pipeline.Pipeline
	status   Status
	message  string
	finished time.Time

	root      *scope
	live      map[string]*node // by path, the nodes of open scopes
	queue     []task           // decisions to take, oldest first
	head      int
	recovered map[string]*Recovered // by path, of the run that this one recovers; nil: nothing is
	children  map[ID]*node          // activities that wait for a run; nil: none has
	flight    []*node               // started and not done, in order of start; nil where one has landed
	landed    int                   // nils in flight
	variables []variable
	byName    map[string]int // of variables, lower case

	returnValue *value.Object
	pipeline    *value.Object     // pipeline()
	partly      bool              // [Kept] stands in pipeline
	secrets     secrets           // what is masked
	records     []*ActivityRecord // with KeepRecords only
	recorded    bool              // records are kept
	began       int               // records made
	ended       int               // records of attempts that are over
	firstFailed *ActivityRecord   // of those that have ended, see FirstFailure

	keeper Keeper // may be nil
	wall   func(time.Time) time.Time
	held   int64                   // bytes of variables and items
	unread *pipeline.ActivityError // why the decision at hand can't be taken

	// What Decide works with: its caller's interrupt, and what the evaluations of
	// the current decision may take; nil before the first of them.
	interrupt *expr.Interrupt
	budget    *expr.Budget
}

type variable struct {
	def   *pipeline.Variable
	value value.Value
	owned bool // the backing array of value is ours to append to
	// tail holds what was appended to a value that is not here.
	tail value.Array
	held int64 // bytes of value and tail
	// partly: parts of value or tail are only in the history.
	partly bool
}

// A task is a decision that a node waits for. It is stale once the node has
// moved on.
type task struct {
	node *node
	turn int // of the node when the task was put in the queue
}

// New makes the state of a run from its first event and the revision that this
// names. The error wraps [ErrNewerRun].
func New(c *Created, r *Revision) (*State, error) {
	if c.Version < 1 || c.Version > DecisionVersion {
		return nil, fmt.Errorf("run %s: %w: decision version %d, this one knows 1 to %d", c.ID, ErrNewerRun,
			c.Version, DecisionVersion)
	}
	def := r.pipeline
	s := &State{
		created:     c,
		revision:    r,
		def:         def,
		status:      InProgress,
		live:        make(map[string]*node),
		byName:      make(map[string]int, len(def.Variables)),
		returnValue: &value.Object{},
		pipeline:    pipelineObject(c),
		secrets:     secretsOf(c),
		wall:        func(t time.Time) time.Time { return t },
	}
	for i, v := range def.Variables {
		s.variables = append(s.variables, variable{def: v, value: v.Default}) // held by the revision
		s.byName[strings.ToLower(v.Name)] = i
	}
	s.root = s.open(r.graph, nil, 0)
	return s, nil
}

// Lighten replaces the run's first event by a copy in whose parts a [Kept] stands for
// what is large: nobody needs it until an expression asks.
func (s *State) Lighten(c *Created) {
	if c == s.created {
		return // nothing is
	}
	s.created, s.pipeline = c, pipelineObject(c)
	s.partly = HoldsKept(s.pipeline)
}

// SetWall has expressions see times as f returns them: what the wall clock shows at a
// time of the run's clock. It must always return the same for a time that has passed.
func (s *State) SetWall(f func(time.Time) time.Time) { s.wall = f }

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
	if err := e.apply(s); err != nil {
		return fmt.Errorf("run %s: %T: %w", s.created.ID, e, err)
	}
	return nil
}

// expect looks up a node that must be in the given phase.
func (s *State) expect(path string, attempt int, p phase) (*node, error) {
	n := s.live[path]
	if n == nil || n.phase != p || n.attempt != attempt {
		return nil, misplaced("%s, attempt %d", path, attempt)
	}
	return n, nil
}

func misplaced(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrMisplacedEvent, fmt.Sprintf(format, args...))
}
