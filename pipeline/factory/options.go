package factory

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"log/slog"

	"switchyard/clock"
	"switchyard/commit"
	"switchyard/pipeline"
	"switchyard/value"
)

// A Store keeps records under keys. Put and Delete only add to a unit; reads see
// what has been committed.
type Store interface {
	// List calls f in the order of keys for those that begin with prefix, with the damage
	// instead of a value that can't be read.
	List(prefix string, f func(key string, val []byte, damage error) error) error
	Put(u *commit.Unit, key string, val []byte)
	Delete(u *commit.Unit, key string)
}

// A Sealer encrypts what must not be readable on disk.
type Sealer interface {
	Seal(plain []byte) []byte
	Open(sealed []byte) ([]byte, error)
}

// A Starter runs triggers. Only triggers of the types ServiceBusTrigger, ScheduleTrigger
// and TumblingWindowTrigger are started.
type Starter interface {
	// Start begins to start runs, with the definitions of f; stop returns when no
	// further run will be started. The manager stops and starts a trigger again
	// when the definitions of its factory have changed.
	Start(f *pipeline.Factory, t *pipeline.Trigger) (stop func(), err error)
}

// EventListener is called when something happened that others may want to log, once it
// is durable. Callbacks are optional, and must not block or call the manager.
type EventListener struct {
	// TriggerStarted is called for a trigger that runs and did not run before, also at
	// the start of the process; TriggerStopped for one that no longer does, but not at
	// the end of the process. A trigger that goes on with other definitions has done
	// neither.
	TriggerStarted, TriggerStopped func(factory, trigger string)
}

// Options are what a [Manager] needs. Store, Log, Clock and Sealer are required.
type Options struct {
	Store  Store
	Log    commit.Log
	Clock  clock.Clock
	Sealer Sealer
	Logger *slog.Logger // default: none
	Rand   io.Reader    // etags and principals; default crypto/rand
	// TenantID is the tenant of the factories' identities.
	TenantID string
	// Starter runs triggers. Without one no trigger runs, and starting one is
	// refused.
	Starter Starter
	// Events are told what happens to triggers.
	Events EventListener
	// Retire ends the runs of a factory that is deleted and removes their records.
	// It is repeated after a failure or a crash. See [RetireRuns]. Default: nothing.
	Retire func(ctx context.Context, factory string) error
	// Forget adds to the unit that deletes a trigger, or gives it another type, what the Starter keeps of it. Default:
	// nothing.
	Forget func(u *commit.Unit, factory, trigger string)
	// GlobalParameter turns the value of a global parameter into the one that runs
	// see. Default: the same.
	GlobalParameter func(v value.Value) value.Value
	// Relaxed accepts what Data Factory refuses and can run here, as what a folder declares
	// always is.
	Relaxed bool
	// Changed is called after a change of a factory or of what it holds is durable and
	// shown. It must not wait. Default: nothing.
	Changed func()
}

func (o *Options) defaults() error {
	if o.Store == nil || o.Log == nil || o.Clock == nil || o.Sealer == nil {
		return errors.New("factory manager: Store, Log, Clock and Sealer are required")
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	if o.Changed == nil {
		o.Changed = func() {}
	}
	return nil
}
