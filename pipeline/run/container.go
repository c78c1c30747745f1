package run

import (
	"fmt"
	"strings"
	"time"

	"switchyard/expr"
	"switchyard/pipeline"
	"switchyard/value"
)

// maxUntilIterations stops an Until whose body does nothing that takes time: the
// service has no such limit, but there no iteration is free.
const maxUntilIterations = 100_000

// ContainerStarted starts a ForEach, IfCondition, Switch or Until whose own
// expressions have been evaluated.
type ContainerStarted struct {
	Path  string
	At    time.Time
	Input *value.Object // what a record shows; {} for containers
	// Branch is the member of typeProperties whose activities run: "activities",
	// "ifTrueActivities", "ifFalseActivities", "cases[2]", "defaultActivities".
	Branch string
	// Items are the elements of a ForEach.
	Items value.Array
	// Queues is the number of queues of a ForEach over which its items are dealt,
	// one after the other; 1 is sequential.
	Queues int
	// Deadline is when an Until times out; zero for the others. It arms
	// [TimerUntil].
	Deadline       time.Time
	UserProperties *value.Object
	// Evaluated is what the expression of an IfCondition or the on of a Switch came to.
	// Since version 3 of the encoding.
	Evaluated value.Value
}

func (e *ContainerStarted) fields(c codec) {
	c.text(&e.Path)
	c.time(&e.At)
	c.input(&e.Input)
	c.text(&e.Branch)
	c.array(&e.Items)
	c.int(&e.Queues)
	c.time(&e.Deadline)
	c.object(&e.UserProperties)
	if c.since(3) {
		c.value(&e.Evaluated)
	}
}

func (e *ContainerStarted) When() time.Time { return e.At }

func (e *ContainerStarted) arms() (Timer, bool) {
	return Timer{e.Path, 1, TimerUntil, e.Deadline}, !e.Deadline.IsZero()
}

func (e *ContainerStarted) apply(s *State) error {
	n, err := s.expect(e.Path, 1, ready)
	if err != nil {
		return err
	}
	g := n.step.branch(e.Branch)
	if g == nil || n.step.kind == kindForEach && e.Queues < 1 {
		return misplaced("%s has no branch %q with %d queues", e.Path, e.Branch, e.Queues)
	}
	n.phase = running
	n.arm(e)
	n.children = &children{graph: g, items: e.Items, queues: e.Queues}
	if len(e.Items) > 0 {
		n.children.held = Footprint(e.Items)
		s.held += n.children.held
	}
	s.launch(n)
	r := s.begin(n, e.At, e.Input, e.UserProperties, false, false)
	switch n.step.kind {
	case kindIf, kindSwitch:
		r.Branch, r.Evaluated = e.Branch, e.Evaluated
	}
	switch n.step.kind {
	case kindForEach:
		if s.recorded { // else they end with the loop
			r.Items = e.Items
		}
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

// IterationStarted starts the second or a later iteration of an Until, after
// its expression was false.
type IterationStarted struct {
	Path      string // of the Until
	Iteration int    // from 2
	At        time.Time
}

func (e *IterationStarted) fields(c codec) {
	c.text(&e.Path)
	c.int(&e.Iteration)
	c.time(&e.At)
}

func (e *IterationStarted) When() time.Time { return e.At }

func (e *IterationStarted) apply(s *State) error {
	n, err := s.expect(e.Path, 1, ending)
	if err != nil {
		return err
	}
	if n.step.kind != kindUntil {
		return misplaced("%s is no Until", e.Path)
	}
	n.phase = running
	s.iteration(n, e.Iteration)
	return nil
}

// iteration opens the one scope of an If or Switch, or the next of an Until.
func (s *State) iteration(n *node, i int) {
	if sc := s.open(n.children.graph, n, i); sc.remaining == 0 {
		s.closed(sc)
	}
}

// container is the start of a container: its record shows no input.
func (n *node) container(branch string, user *value.Object, now time.Time) *ContainerStarted {
	return &ContainerStarted{Path: n.path, At: now, Input: &value.Object{}, Branch: branch, Queues: 1,
		UserProperties: user}
}

func unexpected(format string, args ...any) *pipeline.ActivityError {
	return &pipeline.ActivityError{Code: CodeInvalidTemplate, FailureType: pipeline.UserError,
		Message: fmt.Sprintf(format, args...)}
}

// condition evaluates an expression that must be a boolean; the texts true and
// false are taken too [ENGINE 5.3].
func condition(c *expr.Context, v value.Value) (bool, *pipeline.ActivityError) {
	v, err := c.Evaluate(v)
	if err != nil {
		return false, invalid(err)
	}
	switch b := v.(type) {
	case bool:
		return b, nil
	case string:
		if b, ok := parseBool(b); ok {
			return b, nil
		}
	}
	return false, unexpected(
		"The expression of the activity must evaluate to a value of type 'Boolean'. The result is of type '%s'.",
		pipeline.TypeName(v))
}

func startIf(n *node, c *expr.Context, user *value.Object, now time.Time) (Event, *pipeline.ActivityError) {
	yes, aerr := condition(c, n.step.def.If.Expression)
	if aerr != nil {
		return nil, aerr
	}
	branch := pipeline.BranchFalse
	if yes {
		branch = pipeline.BranchTrue
	}
	e := n.container(branch, user, now)
	e.Evaluated = yes
	return e, nil
}

// startSwitch compares text with text, with case [ENGINE 5.4].
func startSwitch(n *node, c *expr.Context, user *value.Object,
	now time.Time) (Event, *pipeline.ActivityError) {
	def := n.step.def.Switch
	v, err := c.Evaluate(def.On)
	if err != nil {
		return nil, invalid(err)
	}
	switch v.(type) {
	case string, int64, bool:
	default:
		return nil, unexpected(
			"The expression of the Switch activity must evaluate to a value of type 'String' or 'Integer'. The "+
				"result is of type '%s'.",
			pipeline.TypeName(v))
	}
	text := value.Text(v)
	branch := pipeline.BranchDefault
	for i := range def.Cases {
		if def.Cases[i].Value == text {
			branch = pipeline.BranchCase(i)
			break
		}
	}
	e := n.container(branch, user, now)
	e.Evaluated = v
	return e, nil
}

func (s *State) startForEach(n *node, c *expr.Context, user *value.Object,
	now time.Time) (Event, *pipeline.ActivityError) {
	def := n.step.def.ForEach
	items, aerr := itemsOf(c, def.Items)
	if aerr != nil {
		aerr.Message = measured(aerr.Message)
		return nil, aerr
	}
	if len(items) > pipeline.MaxForEachItems {
		return nil, unexpected("The items of the ForEach activity are %d, at most %d are allowed.",
			len(items), pipeline.MaxForEachItems)
	}
	if aerr := s.afford(n, Footprint(items)); aerr != nil {
		return nil, aerr
	}
	e := n.container(pipeline.BranchBody, user, now)
	if e.Items = items; !def.Sequential {
		e.Queues = def.BatchCount
	}
	return e, nil
}

// itemsOf evaluates the items of a ForEach or Filter.
func itemsOf(c *expr.Context, v value.Value) (value.Array, *pipeline.ActivityError) {
	v, err := c.Evaluate(v)
	if err != nil {
		return nil, invalid(err)
	}
	items, ok := v.(value.Array)
	switch _, isText := v.(string); {
	case ok:
		return items, nil
	case isText:
		return nil, unexpected(
			"The items must evaluate to a value of type 'Array'. The result is of type 'String'.")
	}
	return nil, unexpected(
		"The function 'length' expects its parameter to be an array or a string. The provided value is of type '%s'.",
		pipeline.TypeName(v))
}

// measured words the error of an expression as the service does where it evaluates its length
// [ENGINE 5.2].
func measured(message string) string {
	const begin, end = "The expression '", "' cannot be evaluated because "
	text, why, ok := strings.Cut(strings.TrimPrefix(message, begin), end)
	if !ok || !strings.HasPrefix(message, begin) {
		return message
	}
	return begin + "length(" + text + ")" + end + why
}

func startUntil(n *node, c *expr.Context, user *value.Object,
	now time.Time) (Event, *pipeline.ActivityError) {
	d, err := timeout(c, n.step.def.Until.Timeout, pipeline.DefaultUntilTimeout, pipeline.MaxUntilTimeout)
	if err != nil {
		return nil, invalid(err)
	}
	e := n.container(pipeline.BranchBody, user, now)
	e.Deadline = now.Add(d)
	return e, nil
}

// end decides what becomes of a container whose children are done, of a Wait, or of an
// ExecutePipeline that does not wait.
func (s *State) end(n *node, now time.Time) Event {
	ok := &ActivityFinished{Path: n.path, Attempt: n.attempt, Status: Succeeded, Output: &value.Object{},
		At: now}
	switch {
	case n.child != nil:
		ok.Output = n.child.output()
		return ok
	case n.children == nil:
		return ok
	case n.step.kind == kindUntil:
		return s.endIteration(n, ok, now)
	case n.children.failed:
		return n.fail(now, n.children.failure())
	}
	return ok
}

// failure is the error of a container [ENGINE 5.2, 5.3].
func (c *children) failure() *pipeline.ActivityError {
	e := &pipeline.ActivityError{Code: CodeActionFailed, FailureType: pipeline.UserError,
		Message: "Activity failed because an inner activity failed"}
	if c.culprit != nil {
		e.Message += fmt.Sprintf("; Inner activity name: %s, Error: %s", c.culprit.name, c.culprit.reason)
	}
	return e
}

// endIteration evaluates the expression of an Until after an iteration, whose
// activities it can see. A failed iteration does not stop the loop; the
// last one decides how the loop ends [ENGINE 5.5].
func (s *State) endIteration(n *node, ok *ActivityFinished, now time.Time) Event {
	c := s.context(n, now)
	last := n.children.last
	c.Seed = seed(s.created.ID, last.prefix, n.attempt) // rand() differs from iteration to iteration
	c.Activity = func(name string) (value.Value, bool) {
		if i, found := last.graph.byName[strings.ToLower(name)]; found {
			return s.activity(last.nodes[i].ran())
		}
		return s.activity(n.find(name))
	}
	stop, aerr := condition(c, n.step.def.Until.Expression)
	switch {
	case aerr != nil:
		return n.fail(now, aerr)
	case stop && n.children.failed:
		return n.fail(now, n.children.failure())
	case stop:
		return ok
	case last.iteration >= maxUntilIterations:
		return n.fail(now, unexpected("The Until activity ended after %d iterations, the limit here.",
			maxUntilIterations))
	}
	return &IterationStarted{Path: n.path, Iteration: last.iteration + 1, At: now}
}
