package engine

import (
	"fmt"
	"slices"
	"strings"
)

// slots is who runs and who waits of one pipeline: its concurrency
// [ENGINE 3.4]. It is guarded by Engine.mu. What it holds follows from the
// records of the active runs, so a restart makes it anew.
type slots struct {
	limit  int // of the newest definition that started a run; 0: none
	active map[*runner]bool
	queue  []*runner // in order of arrival
}

func slotKey(factory, pipelineName string) string {
	return strings.ToLower(factory) + "\x00" + strings.ToLower(pipelineName)
}

func (e *Engine) slotsOf(factory, pipelineName string) *slots {
	key := slotKey(factory, pipelineName)
	s := e.slots[key]
	if s == nil {
		s = &slots{active: map[*runner]bool{}}
		e.slots[key] = s
	}
	return s
}

func (s *slots) full() bool { return s.limit > 0 && len(s.active) >= s.limit }

// grant gives free slots to those who wait longest.
func (s *slots) grant() {
	for len(s.queue) > 0 && !s.full() {
		next := s.queue[0]
		s.queue = s.queue[1:]
		s.active[next] = true
		next.mail.post(granted{})
	}
}

// enter gives the run a slot, or a place in the queue.
func (e *Engine) enter(r *runner) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.stopping || !e.started {
		return ErrStopping
	}
	if e.runs[r.id] != nil {
		return ErrRunExists
	}
	s, err := e.slotFor(r)
	if err != nil {
		return err
	}
	e.place(r, s)
	return nil
}

// slotFor returns the slots of a run's pipeline, which are full or not. The caller holds
// e.mu.
func (e *Engine) slotFor(r *runner) (*slots, error) {
	s := e.slotsOf(r.factory, r.pipeline)
	s.limit = r.concurrency
	s.grant() // the limit may have risen
	if s.full() && len(s.queue) >= e.o.MaxQueuedRuns {
		return nil, fmt.Errorf("%w: %d are waiting for the concurrency %d", ErrTooManyQueuedRuns,
			len(s.queue), s.limit)
	}
	return s, nil
}

// place gives a run a slot, or a place in the queue. The caller holds e.mu.
func (e *Engine) place(r *runner, s *slots) {
	if s.full() {
		e.arrivals++
		r.queued, r.arrival = true, e.arrivals
		s.queue = append(s.queue, r)
	} else {
		s.active[r] = true
	}
	e.runs[r.id] = r
	e.wg.Add(1)
}

// enterChild is enter for a run that an activity of parent starts, and perhaps waits for.
// Also an engine that stops takes it: its start is recorded, and the next engine goes on.
func (e *Engine) enterChild(parent, child *runner, wait bool) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case parent.cancelRequested(): // whoever cancels the children too has them all
		return errParentCancelled
	case e.runs[child.id] != nil:
		return ErrRunExists
	case len(e.runs) >= e.maxRuns:
		return errTooManyRuns
	}
	s, err := e.slotFor(child)
	if err != nil {
		return err
	}
	if wait && s.full() && e.stuck(s, parent) {
		return errDeadlock
	}
	e.place(child, s)
	if wait {
		parent.await(child.id)
	}
	child.stopping = e.stopping
	return nil
}

// await notes a run that an activity waits for. The caller holds e.mu and is the owner.
func (r *runner) await(child string) {
	if r.awaits == nil {
		r.awaits = map[string]bool{}
	}
	r.awaits[child], r.calls = true, true
}

// awaitedBy returns the run of which an activity waits for another one; "" if none does.
func (e *Engine) awaitedBy(child string) string {
	e.mu.Lock()
	defer e.mu.Unlock()
	for id, r := range e.runs {
		if r.awaits[child] {
			return id
		}
	}
	return ""
}

// stuck reports whether none of the slots, which are full, becomes free unless parent ends.
// A run can end if it holds a slot, or waits for slots not all of which are held by runs that
// can't end, and if the runs that it waits for can end. The caller holds e.mu.
func (e *Engine) stuck(s *slots, parent *runner) bool {
	g := waitGraph{e: e, known: map[*runner]bool{parent: true}}
	for holder := range s.active {
		g.add(holder)
	}
	ends := map[*runner]bool{}
	for changed := true; changed; {
		changed = false
		for _, r := range g.order {
			if !ends[r] && g.canEnd(r, ends) {
				ends[r], changed = true, true
			}
		}
	}
	return !s.frees(ends)
}

// frees reports whether there is a free slot once all runs have ended that can.
func (s *slots) frees(ends map[*runner]bool) bool {
	held := 0
	for holder := range s.active {
		if !ends[holder] {
			held++
		}
	}
	return held < s.limit
}

// A waitGraph is who waits for whom, as far as a question needs it.
type waitGraph struct {
	e     *Engine
	known map[*runner]bool
	order []*runner // whom a run waits for stands before it, if there is no cycle
}

// add adds a run with all that it waits for.
func (g *waitGraph) add(r *runner) {
	if g.known[r] {
		return
	}
	g.known[r] = true
	for id := range r.awaits {
		if child := g.e.runs[id]; child != nil {
			g.add(child)
		}
	}
	if s := g.e.slotsOf(r.factory, r.pipeline); !s.active[r] {
		for holder := range s.active {
			g.add(holder)
		}
	}
	g.order = append(g.order, r)
}

// canEnd reports whether a run can end when those can of which that is known. One that is
// cancelled waits for nothing, and one that is set aside can be cancelled.
func (g *waitGraph) canEnd(r *runner, ends map[*runner]bool) bool {
	if r.cancelRequested() {
		return true
	}
	for id := range r.awaits {
		if child := g.e.runs[id]; child != nil && !ends[child] {
			return false
		}
	}
	s := g.e.slotsOf(r.factory, r.pipeline)
	return s.active[r] || s.frees(ends)
}

// leave frees the run's slot or place and grants what has become free.
func (e *Engine) leave(r *runner) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.runs, r.id)
	if parent := e.runs[r.parent]; parent != nil {
		delete(parent.awaits, r.id)
	}
	s := e.slotsOf(r.factory, r.pipeline)
	delete(s.active, r)
	s.queue = slices.DeleteFunc(s.queue, func(q *runner) bool { return q == r })
	if !e.stopping {
		s.grant()
	}
	if len(s.active) == 0 && len(s.queue) == 0 {
		delete(e.slots, slotKey(r.factory, r.pipeline))
	}
}

// CanStart reports whether a new run of the pipeline would start at once rather
// than be queued. It knows the concurrency of the newest run that is active.
func (e *Engine) CanStart(factory, pipelineName string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	s := e.slots[slotKey(factory, pipelineName)]
	return e.started && !e.stopping && (s == nil || !s.full() && len(s.queue) == 0)
}

// ActiveRuns counts the runs of a pipeline that have not ended, queued ones
// included.
func (e *Engine) ActiveRuns(factory, pipelineName string) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	s := e.slots[slotKey(factory, pipelineName)]
	if s == nil {
		return 0
	}
	return len(s.active) + len(s.queue)
}

// RunsOf returns the ids of the runs of a factory that have not ended, those that are
// set aside included.
func (e *Engine) RunsOf(factory string) []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	var ids []string
	for id, r := range e.runs {
		if strings.EqualFold(r.factory, factory) {
			ids = append(ids, id)
		}
	}
	for id, a := range e.aside {
		if strings.EqualFold(a.rec.Factory, factory) {
			ids = append(ids, id)
		}
	}
	return ids
}

// TriggeredRuns returns the ids of the runs that a trigger has started and that
// have not ended, those resumed after a restart included.
func (e *Engine) TriggeredRuns(factory, trigger string) []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	var ids []string
	for id, r := range e.runs {
		if strings.EqualFold(r.factory, factory) && strings.EqualFold(r.trigger, trigger) {
			ids = append(ids, id)
		}
	}
	return ids
}
