package factory

import (
	"context"
	"maps"

	"switchyard/commit"
)

// DeleteFactory deletes a factory with everything in it and reports whether it
// was there. Its triggers are stopped, its runs cancelled and forgotten. It
// returns when all is gone; if ctx ends before, the deletion goes on. Errors are
// of check or ctx.
func (m *Manager) DeleteFactory(ctx context.Context, id ID, check Check) (existed bool, err error) {
	e := m.entry(id.Factory)
	if e == nil {
		return false, check.check(false, "")
	}
	if err := m.o.Log.Admit(ctx, commit.Frees); err != nil {
		return false, err
	}
	gone, err := m.beginDelete(e, id, check)
	if gone == nil || err != nil {
		return false, err
	}
	select {
	case <-gone:
		return true, nil
	case <-ctx.Done():
		return true, ctx.Err()
	case <-m.ctx.Done():
		return true, m.ctx.Err()
	}
}

// beginDelete marks a factory as being deleted. From then on it is not changed
// and creates no runs. It returns nil if there is no factory.
func (m *Manager) beginDelete(e *entry, id ID, check Check) (gone chan struct{}, err error) {
	e.op.Lock()
	defer e.op.Unlock()
	s := e.current.Load()
	if s == nil || !s.record.in(id) {
		return nil, check.check(false, "")
	}
	if err := check.check(true, s.record.ETag); err != nil {
		return nil, err
	}
	if !s.record.Deleting {
		r := *s.record
		r.Deleting = true
		next := *s
		next.record = &r
		stopped := maps.Clone(e.running)
		e.stopAll() // first: nothing fires any more once it is durable
		m.commit(e, &next)
		m.tell(stopped, nil, s.record.Name)
		clear(e.failing)
	}
	m.finish(e)
	return e.gone, nil
}

// finish deletes, in the background, what is left of a factory that is marked.
// The caller holds e.op.
func (m *Manager) finish(e *entry) {
	if e.gone != nil {
		return // under way
	}
	e.gone = make(chan struct{})
	name := e.current.Load().record.Name
	m.wg.Go(func() {
		// Every creation of a run has finished, and none begins.
		e.using.Lock()
		//lint:ignore SA2001 waiting is the point
		e.using.Unlock()
		for m.o.Retire != nil {
			err := m.o.Retire(m.ctx, name)
			if err == nil {
				break
			}
			if m.ctx.Err() != nil {
				return // the next process goes on
			}
			m.o.Logger.Error("the runs of a deleted data factory can't be ended; it is tried again",
				"factory", name, "error", err)
			if !m.sleep(retryInterval) {
				return
			}
		}
		e.op.Lock()
		defer e.op.Unlock()
		m.commit(e, nil)
		e.dead = true
		m.mu.Lock()
		delete(m.factories, fold(name))
		m.mu.Unlock()
		close(e.gone)
	})
}
