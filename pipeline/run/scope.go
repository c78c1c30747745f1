package run

import (
	"strconv"
	"strings"
	"time"

	"switchyard/pipeline"
	"switchyard/value"
)

// phase is where a node stands on its way. Work waits in the queue for the nodes
// whose phase calls for a decision: ready, timedOut, retrying, ending, aborting.
type phase uint8

const (
	waiting  phase = iota // for the activities it depends on
	ready                 // the attempt is to start, or the activity to be skipped
	running               // an attempt, a wait, a child run or a container's children are in flight
	timedOut              // the attempt in flight is to be given up
	retrying              // the attempt failed and is to be repeated
	backoff               // the retry timer runs
	ending                // the children, or the wait, are over, or a child run has started
	aborting              // an Until timed out: its children are to be cancelled
	done
)

// open reports whether a node in the phase waits for a decision.
func (p phase) open() bool {
	return p == ready || p == timedOut || p == retrying || p == ending || p == aborting
}

// A node is one activity of one scope: one iteration of one container.
type node struct {
	step    *step
	scope   *scope
	path    string
	phase   phase
	turn    int // counts the times the node was put in the queue
	attempt int // the one in flight or next
	pending int // dependencies that are not finished

	status Status // when done
	counts Status // what dependents take it for: Succeeded, Failed or Skipped

	started  *ActivityStarted // the attempt in flight
	accepted *AttemptAccepted // what it waits for; nil: its executor
	children *children        // of a container that has started
	child    *Child           // of an ExecutePipeline that has started
	armed    TimerKind        // the timer that runs while the phase is running or backoff; 0 for none
	fireAt   time.Time        // of that timer
	inFlight int              // 1 + index in State.flight; 0 when not there
	record   *ActivityRecord  // of the attempt in flight or the last one
	object   *value.Object    // activity('…') of a finished node, made when first asked for
	partly   bool             // parts of object are only in the history
}

// A scope is one list of activities under way.
type scope struct {
	graph     *graph
	owner     *node // nil for the pipeline
	iteration int   // index of a ForEach, number of an Until from 1
	prefix    string
	item      value.Value
	hasItem   bool
	nodes     []node
	remaining int     // nodes that are not done
	failed    []*node // in order of end time
}

// children is what a container knows of its scopes.
type children struct {
	graph   *graph
	items   value.Array
	held    int64 // bytes of items
	queues  int
	active  int    // scopes that are not finished
	last    *scope // the one that was opened last
	failed  bool
	culprit *culprit // first failed activity of the first failed scope
}

// A culprit is an activity that the error of its container names.
type culprit struct{ name, reason string }

// aborted reports whether a container around the node no longer waits for it.
func (n *node) aborted() bool {
	for o := n.scope.owner; o != nil; o = o.scope.owner {
		if o.phase != running {
			return true
		}
	}
	return false
}

// inside reports whether the node is a descendant of o.
func (n *node) inside(o *node) bool {
	for x := n.scope.owner; x != nil; x = x.scope.owner {
		if x == o {
			return true
		}
	}
	return false
}

// open makes a scope and puts its first activities in the queue.
func (s *State) open(g *graph, owner *node, iteration int) *scope {
	sc := newScope(g, owner, iteration)
	if owner != nil {
		owner.children.active++
		owner.children.last = sc
	}
	for i := range sc.nodes {
		n := &sc.nodes[i]
		n.pending = len(n.step.deps)
		s.live[n.path] = n
	}
	for i := range sc.nodes {
		if n := &sc.nodes[i]; n.pending == 0 {
			s.push(n, ready)
		}
	}
	return sc
}

// newScope makes a scope in which nothing has begun.
func newScope(g *graph, owner *node, iteration int) *scope {
	sc := &scope{graph: g, owner: owner, iteration: iteration, nodes: make([]node, len(g.steps)),
		remaining: len(g.steps)}
	if owner != nil {
		sc.prefix = owner.path
		switch owner.step.kind {
		case kindForEach:
			sc.prefix += "[" + strconv.Itoa(iteration) + "]"
		case kindUntil:
			sc.prefix += "#" + strconv.Itoa(iteration)
		}
		sc.prefix += "/"
	}
	for i := range g.steps {
		sc.nodes[i] = node{step: &g.steps[i], scope: sc, path: sc.prefix + g.steps[i].def.Name, attempt: 1}
	}
	return sc
}

// finish ends a node and wakes what depends on it.
func (s *State) finish(n *node, status Status) {
	s.land(n)
	n.status, n.counts, n.phase = status, countsAs(n, status), done
	n.started, n.accepted = nil, nil
	if n.child != nil {
		delete(s.children, n.child.RunID)
	}
	if c := n.children; c != nil {
		s.held -= c.held
		c.items, c.held = nil, 0
	}
	if n.counts == Failed {
		n.scope.failed = append(n.scope.failed, n)
	}
	if s.status == Canceling || n.aborted() {
		return
	}
	for _, i := range n.step.dependents {
		d := &n.scope.nodes[i]
		if d.pending--; d.pending == 0 {
			s.push(d, ready)
		}
	}
	if n.scope.remaining--; n.scope.remaining == 0 {
		s.closed(n.scope)
	}
}

// countsAs is what dependents and the outcome take a final status for. A
// cancelled activity of a run that goes on counts as failed.
func countsAs(n *node, status Status) Status {
	switch status {
	case Cancelled:
		return Failed
	case Inactive:
		switch n.step.def.OnInactiveMarkAs {
		case pipeline.MarkFailed:
			return Failed
		case pipeline.MarkSkipped:
			return Skipped
		}
		return Succeeded
	}
	return status
}

// closed is called when every node of a scope is done.
func (s *State) closed(sc *scope) {
	owner := sc.owner
	if owner == nil {
		return // next sees it
	}
	for i := range sc.nodes {
		delete(s.live, sc.nodes[i].path)
	}
	c := owner.children
	c.active--
	bad := sc.outcome() == Failed
	if owner.step.kind != kindForEach {
		c.failed, c.culprit = bad, nil
	} else if bad {
		c.failed = true
	}
	if bad && c.culprit == nil && len(sc.failed) > 0 {
		n := sc.failed[0]
		c.culprit = &culprit{n.step.def.Name, n.reason()}
	}
	if owner.step.kind == kindForEach {
		// The items of a queue run one after the other, without rebalancing.
		if next := sc.iteration + c.queues; next < len(c.items) {
			s.iterate(owner, next)
			return
		}
		if c.active > 0 {
			return
		}
	}
	s.push(owner, ending)
}

// iterate starts one iteration of a ForEach.
func (s *State) iterate(owner *node, i int) {
	sc := s.open(owner.children.graph, owner, i)
	sc.item, sc.hasItem = owner.children.items[i], true
}

// outcome is rule 3.2: Failed if a leaf is bad, where a skipped node is bad if
// one of those it depends on is.
func (sc *scope) outcome() Status {
	const unknown, good, bad = 0, 1, 2
	memo := make([]uint8, len(sc.nodes))
	var judge func(i int) uint8
	judge = func(i int) uint8 {
		if memo[i] != unknown {
			return memo[i]
		}
		memo[i] = good
		switch sc.nodes[i].counts {
		case Failed:
			memo[i] = bad
		case Skipped:
			for _, d := range sc.graph.steps[i].deps {
				if judge(d.from) == bad {
					memo[i] = bad
				}
			}
		}
		return memo[i]
	}
	if len(sc.failed) == 0 {
		return Succeeded
	}
	for i := range sc.nodes {
		if len(sc.graph.steps[i].dependents) == 0 && judge(i) == bad {
			return Failed
		}
	}
	return Succeeded
}

// satisfied applies rule 3.1: every entry must be met, each by one of its
// conditions.
func (n *node) satisfied() bool {
	for _, d := range n.step.deps {
		met := false
		for _, c := range d.conditions {
			met = met || meets(n.scope.nodes[d.from].counts, c)
		}
		if !met {
			return false
		}
	}
	return true
}

func meets(counts Status, c pipeline.Condition) bool {
	switch c {
	case pipeline.OnSucceeded:
		return counts == Succeeded
	case pipeline.OnFailed:
		return counts == Failed
	case pipeline.OnCompleted:
		return counts == Succeeded || counts == Failed
	default:
		return counts == Skipped
	}
}

// find looks for the activity that activity('name') means at n: upstream beside
// it, upstream of a container around it, or in the last iteration of an Until
// upstream, which published definitions rely on. It must have run.
func (n *node) find(name string) *node {
	name = strings.ToLower(name)
	for at := n; at != nil; at = at.scope.owner {
		sc := at.scope
		if i, ok := sc.graph.byName[name]; ok {
			if !at.step.isUpstream(i) {
				return nil
			}
			return sc.nodes[i].ran()
		}
		if i, ok := sc.graph.inner[name]; ok && at.step.isUpstream(i) && sc.nodes[i].children != nil {
			last := sc.nodes[i].children.last
			return last.nodes[last.graph.byName[name]].ran()
		}
	}
	return nil
}

// ran returns the node if it is done and was not skipped, nil otherwise.
func (n *node) ran() *node {
	if n.phase == done && n.status != Skipped {
		return n
	}
	return nil
}
