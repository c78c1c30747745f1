package bridge

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"switchyard/clock"
	"switchyard/commit"
	"switchyard/pipeline"
	"switchyard/pipeline/activity"
	"switchyard/pipeline/engine"
	"switchyard/pipeline/trigger"
)

// A Starter runs the Service Bus triggers of factories, a [factory.Starter]. All
// fields are required.
type Starter struct {
	Bus    *Bus
	Engine *engine.Engine
	Log    commit.Log
	Clock  clock.Clock
	Logger *slog.Logger
	// Context ends when no more runs are to be started.
	Context context.Context
	// Endpoint resolves the linked service of a trigger.
	Endpoint func(f *pipeline.Factory, t *pipeline.Trigger) (activity.Endpoint, error)
}

// source finds the queue of a trigger.
func (x Starter) source(f *pipeline.Factory, t *pipeline.Trigger) (*source, error) {
	ep, err := x.Endpoint(f, t)
	if err != nil {
		return nil, err
	}
	return &source{bus: x.Bus, endpoint: ep, queue: t.ServiceBus.QueueName}, nil
}

// Check returns an error for every started trigger of a folder that would find no
// queue, with its file.
func (x Starter) Check(f *pipeline.Factory) error {
	var errs []error
	for _, t := range f.Triggers {
		if !t.Started || t.ServiceBus == nil {
			continue
		}
		src, err := x.source(f, t)
		if err == nil {
			_, err = src.open()
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: $.properties.typeProperties: trigger %s: %w", t.File, t.Name, err))
		}
	}
	return errors.Join(errs...)
}

// Start implements [factory.Starter].
func (x Starter) Start(f *pipeline.Factory, def *pipeline.Trigger) (stop func(), err error) {
	src, err := x.source(f, def)
	if err != nil {
		return nil, err
	}
	q, err := src.open()
	if err != nil {
		return nil, err
	}
	t, err := trigger.NewServiceBus(trigger.Options{
		Engine: x.Engine, Log: x.Log, Clock: x.Clock, Logger: x.Logger, Source: src,
		Namespace: q.Namespace(), Factory: f, Trigger: def,
	})
	if err != nil {
		return nil, err
	}
	if err := t.Start(x.Context); err != nil {
		return nil, err
	}
	return t.Stop, nil
}
