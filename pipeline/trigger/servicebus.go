package trigger

import (
	"context"
	"encoding/json"
	"log/slog"

	"switchyard/commit"
	"switchyard/pipeline"
	"switchyard/pipeline/engine"
)

// Options are what a [ServiceBus] trigger needs.
type Options struct {
	Engine *engine.Engine
	Log    commit.Log
	Clock  engine.Clock
	Logger *slog.Logger // default: none
	Source Source
	// Namespace is what trigger() shows as the source's namespace.
	Namespace string
	Factory   *pipeline.Factory
	Trigger   *pipeline.Trigger // of type ServiceBusTrigger
}

// ServiceBus is one started or stopped trigger of type ServiceBusTrigger.
type ServiceBus struct{ o Options }

// NewServiceBus checks the definition and returns a stopped trigger.
func NewServiceBus(o Options) (*ServiceBus, error) { return &ServiceBus{o: o}, nil }

// Start begins taking messages. It doesn't block.
func (t *ServiceBus) Start(ctx context.Context) error { return nil }

// Stop ends it and returns when no further run will be started. Runs that have
// been started go on.
func (t *ServiceBus) Stop() {}

// Finish makes the hook for [engine.Options]: it settles the messages of a run
// by how it ended.
func Finish(s Settler) func(binding json.RawMessage, run string, o engine.Outcome) (commit.Effect, error) {
	return nil
}

// SourceBinding returns the [Batch.Binding] inside the binding of a run, which
// an activity's settle operation carries.
func SourceBinding(binding json.RawMessage) (json.RawMessage, error) { return nil, nil }
