package run

import "fmt"

// DecodeState reads what [EncodeState] of this version of the program wrote of the run that
// has the first event c and follows r. What the host gives a state (SetKeeper, SetWall) it
// gives this one too. The error wraps [ErrMalformedState], [ErrOtherState] or [ErrNewerRun].
// The state does not keep b.
func DecodeState(c *Created, r *Revision, b []byte) (*State, error) {
	s, err := New(c, r)
	if err != nil {
		return nil, err
	}
	if len(b) < 2 || b[0] != stateVersion || b[1] < 1 || b[1] > encodingVersion {
		return nil, fmt.Errorf("run %s: %w: it has not version %d", c.ID, ErrOtherState, stateVersion)
	}
	x := &stateReader{decoder: decoder{b: b[2:], version: b[1], keeps: true}, s: s, records: map[int]*ActivityRecord{}}
	var of Hash
	var id ID
	x.hash(&of)
	x.text(&id)
	if x.err == nil && (of != r.hash || id != c.ID) {
		return nil, fmt.Errorf("run %s: %w: it is of the run %s with the definition %x", c.ID, ErrOtherState, id, of)
	}
	x.state()
	if x.err == nil && len(x.b) > 0 {
		x.fail("%d bytes left over", len(x.b))
	}
	if x.err != nil {
		return nil, fmt.Errorf("run %s: %w: %v", c.ID, ErrMalformedState, x.err)
	}
	return s, nil
}

// stateReader reads a state. It takes nothing that could not have been written: what is
// decided later rests on it.
type stateReader struct {
	decoder
	s       *State
	records map[int]*ActivityRecord
	nodes   []*node // in the order in which they are written
}

func (r *stateReader) state() {
	s := r.s
	s.queue, s.live, s.secrets = nil, map[string]*node{}, secrets{}
	var recovered []*Recovered
	var records []*ActivityRecord
	s.fields(r, &recovered, &records)
	if s.status != InProgress && s.status != Canceling && !s.status.Final() {
		r.fail("status %d", s.status)
	}
	for i := range s.variables {
		v := &s.variables[i]
		v.partly = HoldsKept(v.value) || HoldsKept(v.tail)
	}
	if len(s.secrets.texts) > 0 {
		s.secrets.known = make(map[string]bool, len(s.secrets.texts))
	}
	for _, t := range s.secrets.texts {
		s.secrets.known[t] = true
	}
	for _, e := range recovered {
		if s.recovered == nil {
			s.recovered = make(map[string]*Recovered, len(recovered))
		}
		s.recovered[e.Path] = e
	}
	for _, x := range records {
		if x.number < 0 || x.number >= s.began || r.records[x.number] != nil {
			r.fail("record %d of %d", x.number, s.began)
		}
		r.records[x.number] = x
	}
	if s.recorded {
		s.records = records
	}
	s.firstFailed = r.record()
	if s.Finished() {
		s.live = nil
		return
	}
	s.root = r.scope(r.s.root.graph, nil, 0)
	r.queue()
	r.flight()
}

// record reads which record is meant.
func (r *stateReader) record() *ActivityRecord {
	n := r.uvarint()
	if n == 0 {
		return nil
	}
	x := r.records[int(n-1)]
	if x == nil {
		r.fail("no record %d", n-1)
	}
	return x
}

// each calls f for nodes that are named, until there are no more.
func (r *stateReader) each(nodes []*node, f func(*node)) {
	for r.err == nil {
		n := r.uvarint()
		if n == 0 || r.err != nil {
			return
		}
		if n > uint64(len(nodes)) {
			r.fail("no node %d", n)
			return
		}
		f(nodes[n-1])
	}
}

func (r *stateReader) queue() {
	r.each(r.nodes, func(n *node) {
		if n.turn > 0 || !n.phase.open() || n.aborted() {
			r.fail("%s waits for no decision", n.path)
			return
		}
		r.s.push(n, n.phase)
	})
	for _, n := range r.nodes {
		if n.turn == 0 && n.phase.open() && !n.aborted() {
			r.fail("%s waits for a decision and is not among those that do", n.path)
		}
	}
}

func (r *stateReader) flight() {
	r.each(r.nodes, func(n *node) {
		if n.inFlight > 0 || !n.phase.flies() {
			r.fail("%s is not in flight", n.path)
			return
		}
		r.s.launch(n)
	})
	for _, n := range r.nodes {
		if n.inFlight == 0 && n.phase.flies() {
			r.fail("%s is in flight and not among those that are", n.path)
		}
	}
}

// scope reads a scope that is open.
func (r *stateReader) scope(g *graph, owner *node, iteration int) *scope {
	if len(g.steps) > len(r.b) {
		r.fail("%d nodes, %d bytes left", len(g.steps), len(r.b))
		return newScope(&graph{}, owner, iteration)
	}
	sc := newScope(g, owner, iteration)
	var nodes []*node
	for i := range sc.nodes {
		n := &sc.nodes[i]
		nodes = append(nodes, n)
		r.nodes = append(r.nodes, n)
		r.s.live[n.path] = n
		r.node(n)
	}
	failed := map[*node]bool{}
	r.each(nodes, func(n *node) {
		if failed[n] || n.phase != done || n.counts != Failed {
			r.fail("%s has not failed", n.path)
		}
		failed[n] = true
		sc.failed = append(sc.failed, n)
	})
	for _, n := range nodes {
		if n.phase == done {
			sc.remaining--
		}
		if n.phase == done && n.counts == Failed && !failed[n] {
			r.fail("%s has failed and is not among those that have", n.path)
		}
		for _, d := range n.step.deps {
			if sc.nodes[d.from].phase != done {
				n.pending++
			}
		}
	}
	if owner != nil && sc.remaining == 0 && r.s.status == InProgress && owner.phase == running && !owner.aborted() {
		r.fail("all is done in %s", sc.prefix)
	}
	return sc
}

func (r *stateReader) node(n *node) {
	r.small((*uint8)(&n.phase))
	if !n.step.kind.may(n.phase) {
		r.fail("%s is in phase %d", n.path, n.phase)
	}
	switch n.phase {
	case waiting:
		return
	case done:
		r.done(n)
		return
	}
	r.int(&n.attempt)
	if n.attempt < 1 || n.attempt > 1 && n.step.kind != kindExecution {
		r.fail("%s has the attempt %d", n.path, n.attempt)
	}
	if n.record = r.record(); n.record == nil && n.phase != ready {
		r.fail("%s has no record", n.path)
	}
	if n.hasStarted() {
		n.started = new(ActivityStarted)
		n.started.fields(r)
		if n.started.Path != n.path || n.started.Attempt != n.attempt {
			r.fail("%s has what attempt %d of %s was given", n.path, n.started.Attempt, n.started.Path)
		}
	}
	if n.phase == running && n.step.kind == kindExecution {
		r.optional(false, func() {
			n.accepted = new(AttemptAccepted)
			n.accepted.fields(r)
		})
	}
	if kind := n.timerKind(); kind != 0 {
		if r.time(&n.fireAt); !n.fireAt.IsZero() || kind != TimerUntil {
			n.armed = kind
		}
	}
	switch {
	case r.err != nil || n.phase == ready:
	case n.step.kind == kindExecutePipeline:
		r.child(n)
	case n.step.kind.container():
		r.children(n)
	}
}

func (r *stateReader) done(n *node) {
	r.small((*uint8)(&n.status))
	r.ended(n)
	if n.step.kind == kindUntil {
		r.optional(false, func() {
			n.children = &children{graph: n.step.branches[0].graph}
			n.children.last = r.closed(n)
		})
	}
}

// ended reads what an activity has come to.
func (r *stateReader) ended(n *node) {
	n.record = r.record()
	switch n.status {
	case Succeeded, Failed, Cancelled, Inactive:
		if n.record == nil {
			r.fail("%s has no record", n.path)
		}
	case Skipped:
	default:
		r.fail("%s is done with the status %d", n.path, n.status)
	}
	n.counts = countsAs(n, n.status)
}

func (r *stateReader) child(n *node) {
	n.child = &Child{Path: n.path}
	n.child.fields(r)
	if n.phase != running {
		return
	}
	if r.s.children == nil {
		r.s.children = map[ID]*node{}
	}
	if r.s.children[n.child.RunID] != nil {
		r.fail("two activities wait for the run %s", n.child.RunID)
	}
	r.s.children[n.child.RunID] = n
}

func (r *stateReader) children(n *node) {
	branch := r.uvarint()
	if branch >= uint64(len(n.step.branches)) {
		r.fail("%s has no branch %d", n.path, branch)
		return
	}
	c := &children{graph: n.step.branches[branch].graph}
	n.children = c
	c.fields(r)
	count := r.uvarint()
	if most := c.mostScopes(n); count > uint64(most) || n.phase == running && count == 0 ||
		n.phase == ending && count > 0 {
		r.fail("%s has %d scopes", n.path, count)
		return
	}
	queues := map[int]bool{}
	for c.active < int(count) && r.err == nil {
		var i int
		if r.int(&i); i < 0 {
			r.fail("%s has the iteration %d", n.path, i)
			return
		}
		if n.step.kind == kindForEach {
			if i >= len(c.items) || queues[i%c.queues] {
				r.fail("%s has the iteration %d", n.path, i)
				return
			}
			queues[i%c.queues] = true
		}
		c.active++
		c.last = r.scope(c.graph, n, i)
		if n.step.kind == kindForEach {
			c.last.item, c.last.hasItem = c.items[i], true
		}
	}
	if n.step.kind == kindUntil && count == 0 {
		c.last = r.closed(n)
	}
}

// mostScopes returns how many scopes of a container can be open.
func (c *children) mostScopes(n *node) int {
	switch {
	case len(c.graph.steps) == 0:
		return 0
	case n.step.kind != kindForEach:
		return 1
	case n.step.def.ForEach.Sequential:
		return max(0, min(1, c.queues, len(c.items)))
	}
	return max(0, min(n.step.def.ForEach.BatchCount, c.queues, len(c.items)))
}

// closed reads the last iteration of an Until.
func (r *stateReader) closed(n *node) *scope {
	var i int
	r.int(&i)
	sc := newScope(n.children.graph, n, i)
	sc.remaining = 0
	for i := range sc.nodes {
		x := &sc.nodes[i]
		if r.small((*uint8)(&x.status)); x.status == 0 {
			continue
		}
		x.phase = done
		r.ended(x)
	}
	return sc
}
