package factory

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"

	"switchyard/clock"
	"switchyard/commit"
	"switchyard/pipeline"
)

// records is a store and a log in memory that remember every unit.
type records struct {
	mu      sync.Mutex
	m       map[string][]byte
	pending []*commit.Unit
	units   []*commit.Unit
	// submits, if it is not nil, is called with each unit before it has its place.
	submits func(u *commit.Unit)
}

func newRecords() *records { return &records{m: map[string][]byte{}} }

// unreadable is a value that can't be read.
const unreadable = "\xff"

func (r *records) List(prefix string, f func(string, []byte, error) error) error {
	r.mu.Lock()
	var keys []string
	for k := range r.m {
		if strings.HasPrefix(k, prefix) {
			keys = append(keys, k)
		}
	}
	r.mu.Unlock()
	slices.Sort(keys)
	for _, k := range keys {
		value, damage := r.m[k], error(nil)
		if string(value) == unreadable {
			value, damage = nil, fmt.Errorf("record %q: %w", k, commit.ErrDamaged)
		}
		if err := f(k, value, damage); err != nil {
			return err
		}
	}
	return nil
}

func (r *records) Put(u *commit.Unit, key string, value []byte) { u.Set([]byte(key), value) }
func (r *records) Delete(u *commit.Unit, key string)            { u.Delete([]byte(key)) }
func (r *records) Admit(ctx context.Context, _ int) error       { return ctx.Err() }

func (r *records) Submit(u *commit.Unit) {
	if r.submits != nil {
		r.submits(u)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pending = append(r.pending, u)
}

func (r *records) Sync(*commit.Unit) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, u := range r.pending {
		r.apply(u)
		r.units = append(r.units, u)
	}
	r.pending = nil
}

func (r *records) apply(u *commit.Unit) {
	for _, op := range u.Ops() {
		if op.Kind == commit.OpSet {
			r.m[string(op.Key)] = op.Value
		} else {
			delete(r.m, string(op.Key))
		}
	}
}

// after returns what a process finds that starts after the first n units.
func (r *records) after(n int) *records {
	c := newRecords()
	for _, u := range r.units[:n] {
		c.apply(u)
	}
	return c
}

// turning makes sealed values unlike the plain ones, and refuses others.
type turning struct{}

func (turning) Seal(plain []byte) []byte {
	out := []byte{1}
	for _, b := range plain {
		out = append(out, b^0x5a)
	}
	return out
}

func (turning) Open(sealed []byte) ([]byte, error) {
	if len(sealed) == 0 || sealed[0] != 1 {
		return nil, errors.New("not sealed")
	}
	return turning{}.Seal(sealed[1:])[1:], nil
}

// starter records which triggers run.
type starter struct {
	mu      sync.Mutex
	running map[string]*pipeline.Factory // by factory/trigger
	starts  int
	fail    error
}

func (s *starter) Start(f *pipeline.Factory, t *pipeline.Trigger) (func(), error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		return nil, s.fail
	}
	name := f.Name + "/" + t.Name
	if s.running[name] != nil {
		panic("started twice: " + name)
	}
	s.running[name] = f
	s.starts++
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.running, name)
	}, nil
}

func (s *starter) names() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	names := []string{}
	for n := range s.running {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

func (s *starter) of(name string) *pipeline.Factory {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.running[name]
}

// counting is a source of bytes that is the same in every test.
type counting struct {
	mu sync.Mutex
	n  int
}

func (c *counting) Read(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range p {
		c.n++
		p[i] = sha256.New().Sum([]byte(fmt.Sprint(c.n)))[0] + byte(c.n)
	}
	return len(p), nil
}

var _ io.Reader = (*counting)(nil)

type world struct {
	*Manager
	t       *testing.T
	records *records
	starter *starter
	retired []string
}

const tenant = "11111111-2222-4333-8444-555555555555"

func open(t *testing.T, r *records) *world {
	t.Helper()
	w := &world{t: t, records: r, starter: &starter{running: map[string]*pipeline.Factory{}}}
	m, err := New(Options{Store: r, Log: r, Clock: clock.Wall{}, Sealer: turning{}, Rand: &counting{n: len(r.m)}, TenantID: tenant, Starter: w.starter,
		Retire: func(_ context.Context, name string) error { w.retired = append(w.retired, name); return nil }})
	if err != nil {
		t.Fatal(err)
	}
	w.Manager = m
	if err := m.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Close)
	return w
}

var theID = ID{"00000000-0000-0000-0000-000000000000", "rg", "contoso"}

// factory creates the factory that most tests use.
func (w *world) factory() *world {
	w.t.Helper()
	_, err := w.PutFactory(w.t.Context(), theID, Input{Location: "West Europe", Identity: []byte(`{"type":"SystemAssigned"}`)}, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	return w
}

func (w *world) put(k Kind, name, properties string) *Definition {
	w.t.Helper()
	d, err := w.Put(w.t.Context(), theID, k, name, Document{Text: []byte(properties)}, nil)
	if err != nil {
		w.t.Fatalf("put %s %s: %v", k.Noun(), name, err)
	}
	return d
}

const (
	busText     = `{"type":"AzureServiceBus","typeProperties":{"connectionString":{"type":"SecureString","value":"Endpoint=sb://ns/;SharedAccessKey=k3y"}}}`
	emptyText   = `{"activities":[]}`
	triggerText = `{"type":"ServiceBusTrigger","typeProperties":{"linkedServiceName":{"referenceName":"Bus","type":"LinkedServiceReference"},"queueName":"in"},"pipelines":[{"pipelineReference":{"referenceName":"P","type":"PipelineReference"}}]}`
)

var startedText = strings.Replace(triggerText, `{"type"`, `{"runtimeState":"Started","type"`, 1)

// triggered puts what the trigger T needs.
func (w *world) triggered() *world {
	w.t.Helper()
	w.factory()
	w.put(LinkedServices, "Bus", busText)
	w.put(Pipelines, "P", emptyText)
	return w
}

func wantKind(t *testing.T, what string, err, kind error) {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Errorf("%s: got error %v, want %v", what, err, kind)
	}
}

func (r *records) Wait(u *commit.Unit) error {
	r.Sync(u)
	return nil
}

func (r *records) Stalled() (<-chan struct{}, error) { return nil, nil }
