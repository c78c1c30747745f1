package factory

import (
	"context"
	"errors"
	"runtime"
	"testing"

	"switchyard/clock"
	"switchyard/pipeline"
)

// TestDeleteFactory: triggers are stopped, runs are ended, nothing is left, and
// the name is free.
func TestDeleteFactory(t *testing.T) {
	w := open(t, newRecords()).triggered()
	w.put(Triggers, "T", startedText)
	before, _ := w.Principal("contoso")
	if existed, err := w.DeleteFactory(t.Context(), theID, nil); err != nil || !existed {
		t.Fatalf("got %t, %v, want true", existed, err)
	}
	if len(w.retired) != 1 || w.retired[0] != "contoso" || len(w.starter.names()) != 0 {
		t.Errorf("retired %v, running %v; want the factory's runs retired and no trigger", w.retired, w.starter.names())
	}
	if len(w.records.m) != 0 {
		t.Errorf("%d records are left: %v", len(w.records.m), w.records.m)
	}
	_, err := w.Get(theID)
	wantKind(t, "get", err, ErrFactoryNotFound)
	if existed, err := w.DeleteFactory(t.Context(), theID, nil); err != nil || existed {
		t.Errorf("delete again: got %t, %v, want false", existed, err)
	}
	w.factory()
	if after, err := w.Principal("contoso"); err != nil || after.PrincipalID == before.PrincipalID {
		t.Errorf("principal of a new factory of the name: got %v, %v, want another than before", after, err)
	}
	if ds, err := w.Definitions(theID, Pipelines); err != nil || len(ds) != 0 {
		t.Errorf("pipelines of a new factory of the name: got %v, %v, want none", ds, err)
	}
}

// TestDeletionUnderWay: while runs are being ended the factory is shown as
// Deleting, takes no change and creates no run; a run that is being created is
// waited for; the next process goes on.
func TestDeletionUnderWay(t *testing.T) {
	r := newRecords()
	first := open(t, r).triggered()
	first.put(Triggers, "T", startedText)
	first.Close()
	s := &starter{running: map[string]*pipeline.Factory{}}
	retiring := make(chan struct{})
	m, err := New(Options{Store: r, Log: r, Clock: clock.Wall{}, Sealer: turning{}, Starter: s,
		Retire: func(ctx context.Context, _ string) error { close(retiring); <-ctx.Done(); return ctx.Err() }})
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	creating, created := make(chan struct{}), make(chan struct{})
	go m.WithFactory("contoso", func(*pipeline.Factory) error { close(creating); <-created; return nil })
	<-creating
	ctx, cancel := context.WithCancel(t.Context())
	deleted := make(chan error, 1)
	go func() { _, err := m.DeleteFactory(ctx, theID, nil); deleted <- err }()
	for deleting := false; !deleting; runtime.Gosched() {
		r, err := m.Get(theID)
		if err != nil {
			t.Fatal(err)
		}
		deleting = r.ProvisioningState == Deleting
	}
	select {
	case <-retiring:
		t.Error("the runs are retired while one is being created")
	default:
	}
	close(created)
	<-retiring
	if got, err := m.Get(theID); err != nil || got.ProvisioningState != Deleting {
		t.Errorf("get: got %+v, %v, want Deleting", got, err)
	}
	_, err = m.Put(t.Context(), theID, Pipelines, "P", Document{Text: []byte(emptyText)}, nil)
	wantKind(t, "put", err, ErrDeleting)
	_, err = m.PutFactory(t.Context(), theID, Input{Location: "westeurope"}, nil)
	wantKind(t, "put of the factory", err, ErrDeleting)
	wantKind(t, "create run", m.WithFactory("contoso", func(*pipeline.Factory) error { return nil }), ErrFactoryNotFound)
	if len(s.names()) != 0 {
		t.Errorf("running: %v, want none", s.names())
	}
	cancel()
	if err := <-deleted; !errors.Is(err, context.Canceled) {
		t.Errorf("delete: got %v, want that the client has gone", err)
	}
	m.Close()
	if len(r.m) == 0 {
		t.Error("the records are gone although runs were not ended")
	}
	again := open(t, r)
	again.DeleteFactory(t.Context(), theID, nil)
	if len(r.m) != 0 || len(again.retired) == 0 {
		t.Errorf("after a restart %d records are left and %v retired, want nothing left", len(r.m), again.retired)
	}
}
