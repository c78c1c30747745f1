package factory

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"switchyard/clock"
	"switchyard/commit"
	"switchyard/pipeline"
)

// A Manager keeps data factories. Its methods are safe for concurrent use.
type Manager struct {
	o Options

	ctx     context.Context // ends with Close
	cancel  context.CancelFunc
	wg      sync.WaitGroup // the retrier and deletions
	started atomic.Bool
	trouble chan struct{} // a trigger could not be started
	deleted func(u *commit.Unit, id ID, k Kind, name string)

	mu        sync.RWMutex
	factories map[string]*entry // by folded name; guarded by mu
}

// An entry is a factory, or one that is being created or has been deleted.
type entry struct {
	// op is held while the factory is changed, from the decision until it is
	// durable and shown. That is across I/O, unlike every other lock: changes of
	// one factory are rare and must not overtake each other, and starting a
	// trigger is part of one. Lock order: op, then Manager.mu, then the log.
	op sync.Mutex
	// current is what is durable, nil before the creation and after the deletion.
	// It is written under op.
	current atomic.Pointer[state]
	dead    bool                // no longer in the map; guarded by op
	running map[string]*running // by folded name; guarded by op
	failing map[string]error    // triggers that should run and don't; guarded by op
	gone    chan struct{}       // closed after the deletion; not nil while deleting; guarded by op
	// using is held for reading while a run is created.
	using sync.RWMutex
	// lost is what can still be read of a factory whose own record can't; nil: there
	// is no such. Runs that go on find it. It goes when the factory is put again.
	lost atomic.Pointer[state]
	// damaged are the keys of definitions that can't be read, which go with the
	// factory; guarded by op.
	damaged []string
}

// running is a trigger that runs.
type running struct {
	name string
	def  *pipeline.Factory
	stop func()
}

// New reads what is in the store. Nothing runs until [Manager.Start].
func New(o Options) (*Manager, error) {
	if err := o.defaults(); err != nil {
		return nil, err
	}
	m := &Manager{o: o, factories: map[string]*entry{}, trouble: make(chan struct{}, 1)}
	m.ctx, m.cancel = context.WithCancel(context.Background())
	if err := m.load(); err != nil {
		return nil, fmt.Errorf("read data factories: %w", err)
	}
	return m, nil
}

// OnDelete asks for f to be called with every unit that deletes something, to add
// what goes with it: name is "" when it is the factory. It is set before the
// manager is used.
func (m *Manager) OnDelete(f func(u *commit.Unit, id ID, k Kind, name string)) { m.deleted = f }

func newEntry() *entry {
	return &entry{running: map[string]*running{}, failing: map[string]error{}}
}

func (m *Manager) load() error {
	states, lost, damaged := map[string]*state{}, map[string]*state{}, map[string][]string{}
	err := m.o.Store.List(factoryPrefix, func(key string, value []byte, damage error) error {
		if damage != nil {
			name, err := url.PathUnescape(strings.TrimPrefix(key, factoryPrefix))
			s := newState()
			s.def.Name = name
			lost[name] = s
			m.o.Logger.Error("a data factory can't be read and is not there until it is put again, with what is in it",
				"factory", name, "err", damage)
			return err
		}
		r := &factoryRecord{}
		if err := decodeRecord(value, r, &r.Version); err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
		s := newState()
		if err := s.setRecord(r, &m.o); err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
		states[fold(r.Name)] = s
		return nil
	})
	if err != nil {
		return err
	}
	err = m.o.Store.List(definitionPrefix, func(key string, value []byte, damage error) error {
		name, k, err := ofKey(key)
		if err != nil {
			return err
		}
		if damage != nil {
			damaged[name] = append(damaged[name], key)
			m.o.Logger.Error("a definition can't be read and is not there until it is put again",
				"factory", name, "kind", k.Noun(), "err", damage)
			return nil
		}
		s := states[name]
		if s == nil {
			s = lost[name]
		}
		if s == nil {
			return fmt.Errorf("%s: there is no such factory", key)
		}
		d, err := decodeDefinition(k, value, m.o.Sealer)
		if err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
		if err := d.parse(nil); err != nil {
			// It was accepted by a version that checked less.
			m.o.Logger.Warn("a definition is not valid any more",
				"factory", s.def.Name, "kind", k.Noun(), "name", d.record.Name, "error", err)
		}
		s.put(d)
		return nil
	})
	if err != nil {
		return err
	}
	for name := range damaged { // whatever is left of a factory
		if states[name] == nil && lost[name] == nil {
			lost[name] = newState()
			lost[name].def.Name = name
		}
	}
	for name, s := range states {
		m.made(name).current.Store(s)
	}
	for name, s := range lost {
		m.made(name).lost.Store(s)
	}
	for name, keys := range damaged {
		m.factories[name].damaged = keys
	}
	return nil
}

// made makes the entry of a factory that is being loaded.
func (m *Manager) made(name string) *entry {
	e := newEntry()
	m.factories[name] = e
	return e
}

// Start starts the triggers that are Started and goes on with deletions that
// were under way. The engine has been started. Triggers that can't be started
// are logged, returned as one error, and tried again from time to time.
func (m *Manager) Start(ctx context.Context) error {
	m.started.Store(true)
	m.wg.Go(m.retry)
	var errs []error
	for _, e := range m.entries() {
		if err := ctx.Err(); err != nil {
			return err
		}
		e.op.Lock()
		switch s := e.current.Load(); {
		case s == nil: // it can't be read
		case s.record.Deleting:
			m.finish(e)
		default:
			errs = append(errs, m.reconcile(e))
		}
		e.op.Unlock()
	}
	return errors.Join(errs...)
}

// Close stops the triggers, without a change to their state, and waits for what
// the manager does in the background. Deletions go on after the next start.
func (m *Manager) Close() {
	m.started.Store(false)
	m.cancel()
	for _, e := range m.entries() {
		e.op.Lock()
		e.stopAll()
		e.op.Unlock()
	}
	m.wg.Wait()
}

// entries returns the factories in the order of their names.
func (m *Manager) entries() []*entry {
	m.mu.RLock()
	defer m.mu.RUnlock()
	names := make([]string, 0, len(m.factories))
	for name := range m.factories {
		names = append(names, name)
	}
	slices.Sort(names)
	out := make([]*entry, len(names))
	for i, name := range names {
		out[i] = m.factories[name]
	}
	return out
}

func (m *Manager) entry(name string) *entry {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.factories[fold(name)]
}

func notFound(name string) error {
	return errorf(ErrFactoryNotFound, "data factory '%s' was not found", name)
}

// definitionOverhead is about what a change of a factory takes in the log beside the
// text of a definition, in bytes.
const definitionOverhead = 4 << 10

// lock locks a factory for a change of about that many bytes, or [commit.Frees]. The
// caller unlocks e.op.
func (m *Manager) lock(ctx context.Context, id ID, bytes int) (*entry, *state, error) {
	e := m.entry(id.Factory)
	if e == nil {
		return nil, nil, notFound(id.Factory)
	}
	if err := m.o.Log.Admit(ctx, bytes); err != nil {
		return nil, nil, err
	}
	e.op.Lock()
	s := e.current.Load()
	switch {
	case s == nil || !s.record.in(id):
		e.op.Unlock()
		return nil, nil, notFound(id.Factory)
	case s.record.Deleting:
		e.op.Unlock()
		return nil, nil, errorf(ErrDeleting, "data factory '%s' is being deleted", s.record.Name)
	}
	return e, s, nil
}

// commit makes the difference of two states durable in one unit and then shows
// the new one, which is nil for a factory that is gone. The caller holds e.op.
func (m *Manager) commit(e *entry, next *state) {
	old := e.current.Load()
	u := &commit.Unit{}
	from, to := old, next
	if from == nil {
		if from = e.lost.Load(); from == nil {
			from = &state{}
		}
	}
	if next == nil || old == nil {
		for _, key := range e.damaged {
			m.o.Store.Delete(u, key)
		}
	}
	if to == nil {
		to = &state{}
		m.o.Store.Delete(u, factoryKey(old.record.Name))
		if m.deleted != nil {
			m.deleted(u, old.resource().ID, 0, "")
		}
	} else if to.record != from.record {
		m.o.Store.Put(u, factoryKey(to.record.Name), encode(to.record))
	}
	for _, k := range Kinds() {
		for name, d := range from.definitions[k] {
			if to.definitions[k][name] == nil {
				m.o.Store.Delete(u, definitionKey(from.def.Name, k, d.record.Name))
				if k == Triggers && m.o.Forget != nil {
					m.o.Forget(u, from.def.Name, d.record.Name)
				}
				if m.deleted != nil && next != nil && old != nil {
					m.deleted(u, old.resource().ID, k, d.record.Name)
				}
			}
		}
		for name, d := range to.definitions[k] {
			if was := from.definitions[k][name]; was != d {
				if k == Triggers && m.o.Forget != nil && was != nil && !d.trigger.Is(was.trigger.Type) {
					m.o.Forget(u, from.def.Name, was.record.Name) // what one of another type has done
				}
				m.o.Store.Put(u, definitionKey(to.record.Name, k, d.record.Name), d.encode(m.o.Sealer))
			}
		}
	}
	if !u.Empty() {
		m.o.Log.Submit(u)
		m.o.Log.Sync(u)
	}
	e.current.Store(next)
	if next == nil || old == nil {
		e.lost.Store(nil)
		e.damaged = nil
	}
	m.o.Changed()
}

// newID returns a random GUID.
func (m *Manager) newID() (string, error) {
	id, err := uuid.NewRandomFromReader(m.o.Rand)
	return id.String(), err
}

func (m *Manager) now() time.Time { return clock.ShownNow(m.o.Clock) }

// Get returns a factory. The error wraps [ErrFactoryNotFound].
func (m *Manager) Get(id ID) (*Resource, error) {
	s, err := m.state(id)
	if err != nil {
		return nil, err
	}
	return s.resource(), nil
}

func (m *Manager) state(id ID) (*state, error) {
	if e := m.entry(id.Factory); e != nil {
		if s := e.current.Load(); s != nil && s.record.in(id) {
			return s, nil
		}
	}
	return nil, notFound(id.Factory)
}

// List returns the factories of a resource group, or of the whole subscription
// if group is empty, or all if both are, in the order of their names.
func (m *Manager) List(subscription, group string) []*Resource {
	out := []*Resource{}
	for _, e := range m.entries() {
		s := e.current.Load()
		if s == nil || subscription != "" && !strings.EqualFold(s.record.Subscription, subscription) ||
			group != "" && !strings.EqualFold(s.record.ResourceGroup, group) {
			continue
		}
		out = append(out, s.resource())
	}
	return out
}

// Definition returns a definition. The error wraps [ErrFactoryNotFound] or
// [ErrNotFound].
func (m *Manager) Definition(id ID, k Kind, name string) (*Definition, error) {
	s, err := m.state(id)
	if err != nil {
		return nil, err
	}
	d := s.find(k, name)
	if d == nil {
		return nil, noDefinition(k, name, s)
	}
	return d.view(), nil
}

func noDefinition(k Kind, name string, s *state) error {
	return errorf(ErrNotFound, "The %s '%s' was not found in data factory '%s'.", k.Noun(), name, s.record.Name)
}

// Definitions returns the definitions of a kind in the order of their names. The
// error wraps [ErrFactoryNotFound].
func (m *Manager) Definitions(id ID, k Kind) ([]*Definition, error) {
	s, err := m.state(id)
	if err != nil {
		return nil, err
	}
	out := []*Definition{}
	for _, d := range s.sorted(k) {
		out = append(out, d.view())
	}
	return out, nil
}

// Names returns the names of all factories.
func (m *Manager) Names() []string {
	names := []string{}
	for _, r := range m.List("", "") {
		names = append(names, r.ID.Factory)
	}
	return names
}

// Factory returns a factory as it is now, to be read and not changed. The error
// wraps [ErrFactoryNotFound], also for one that is being deleted.
func (m *Manager) Factory(name string) (*pipeline.Factory, error) {
	if e := m.entry(name); e != nil {
		if s := e.current.Load(); s != nil && !s.record.Deleting {
			return s.def, nil
		}
	}
	return nil, notFound(name)
}

// WithFactory calls f with a factory as it is now. The factory is not deleted
// before f returns: a run that f creates is seen, and ended, by the deletion. The
// error is f's, or wraps [ErrFactoryNotFound].
func (m *Manager) WithFactory(name string, f func(*pipeline.Factory) error) error {
	e := m.entry(name)
	if e == nil {
		return notFound(name)
	}
	e.using.RLock()
	defer e.using.RUnlock()
	def, err := m.Factory(name)
	if err != nil {
		return err
	}
	return f(def)
}

// OfRun is Factory for a run, which goes on also if the factory can't be read.
func (m *Manager) OfRun(name string) (*pipeline.Factory, error) {
	if e := m.entry(name); e != nil {
		if s := e.lost.Load(); s != nil {
			return s.def, nil
		}
	}
	return m.Factory(name)
}

// LinkedService returns a linked service as it is now, with its secrets, for a
// run to use. One that this version can't use as it is meant is an error that
// names the reason and wraps [ErrNotSupported].
func (m *Manager) LinkedService(factory, name string) (*pipeline.LinkedService, error) {
	f, err := m.OfRun(factory)
	if err != nil {
		return nil, err
	}
	l := f.LinkedService(name)
	if l == nil {
		return nil, errorf(ErrNotFound, "The linked service '%s' was not found in data factory '%s'.", name, f.Name)
	}
	return l, usable(l)
}

// Dataset returns a dataset as it is now, for a run to use.
func (m *Manager) Dataset(factory, name string) (*pipeline.Dataset, error) {
	f, err := m.OfRun(factory)
	if err != nil {
		return nil, err
	}
	return f.Dataset(name), nil
}

// usable refuses what would have to go another way than this version goes.
func usable(l *pipeline.LinkedService) error {
	if l.ConnectVia != nil && !strings.EqualFold(l.ConnectVia.Name, AutoResolve) {
		return errorf(ErrNotSupported,
			"linked service '%s' connects via the integration runtime '%s', which does not run in Switchyard",
			l.Name, l.ConnectVia.Name)
	}
	if v, ok := l.TypeProperties.Lookup("credential"); ok && v != nil {
		return errorf(ErrNotSupported,
			"linked service '%s' uses a credential, which Switchyard does not support", l.Name)
	}
	return nil
}
