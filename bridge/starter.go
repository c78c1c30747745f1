package bridge

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"switchyard/broker"
	"switchyard/clock"
	"switchyard/commit"
	"switchyard/pipeline"
	"switchyard/pipeline/activity"
	"switchyard/pipeline/engine"
	"switchyard/pipeline/trigger"
)

// A Starter runs the triggers of factories, a [factory.Starter]. All fields are required, but
// for those that say something else.
type Starter struct {
	Bus    *Bus
	Engine *engine.Engine
	Log    commit.Log
	Clock  clock.Clock
	Logger *slog.Logger
	Rooms  trigger.Rooms
	// Firings keep what triggers that go by time have done; nil: none can be started.
	Firings *trigger.Firings
	// Context ends when no more runs are to be started.
	Context context.Context
	// Secret reads secrets of key vaults; nil: there are none.
	Secret pipeline.SecretFunc
}

// secretLimit bounds how long a trigger waits for the secrets of its linked service, as
// long as which nothing else of its factory changes. It is started again later.
const secretLimit = 10 * time.Second

// source finds the queue of a trigger.
func (x Starter) source(f *pipeline.Factory, t *pipeline.Trigger, limit time.Duration) (*source, error) {
	ref := t.ServiceBus.LinkedService
	ctx, cancel := context.WithTimeout(x.Context, limit)
	defer cancel()
	r := pipeline.Resolver{
		LinkedService: func(name string) (*pipeline.LinkedService, error) { return f.LinkedService(name), nil },
		Now:           clock.ShownNow(x.Clock), Secret: x.Secret.In(ctx),
	}
	l, err := r.ResolveLinkedService(ref)
	if err != nil {
		return nil, err
	}
	if !strings.EqualFold(l.Type, pipeline.TypeAzureServiceBus) {
		return nil, fmt.Errorf("linked service %s is of type %s, not %s",
			ref.Name, l.Type, pipeline.TypeAzureServiceBus)
	}
	ep, fail := activity.EndpointOf(f.Name, l.Name, l.TypeProperties)
	if fail != nil {
		return nil, fail
	}
	return &source{bus: x.Bus, endpoint: ep, queue: t.ServiceBus.QueueName}, nil
}

// Queue finds the queue that a trigger of type ServiceBusTrigger takes messages from.
func (x Starter) Queue(f *pipeline.Factory, t *pipeline.Trigger) (*broker.Queue, error) {
	src, err := x.source(f, t, secretLimit)
	if err != nil {
		return nil, err
	}
	return src.exists()
}

// troubleLimit bounds how long who asks for troubles waits for the secrets of one trigger.
const troubleLimit = 2 * time.Second

// Trouble returns why a trigger that is started takes no messages: its queue is not there,
// is disabled or forwards them, its factory's identity has no role on it, or its key does
// not open it. Nil: it takes
// them, or is stopped. It looks anew, also after a trigger of which that was not so began.
func (x Starter) Trouble(f *pipeline.Factory, t *pipeline.Trigger) error {
	if !t.Started || t.ServiceBus == nil {
		return nil
	}
	src, err := x.source(f, t, troubleLimit)
	if err != nil {
		return err
	}
	q, err := src.open()
	if err != nil {
		return err
	}
	return q.CanReceive()
}

// Check returns an error for every started trigger of a folder that would find no
// queue, with its file. A right that the factory's identity lacks is none: the
// identity is made with the factory, and roles are assigned to it later.
func (x Starter) Check(f *pipeline.Factory) error {
	var refused pipeline.Diagnostics
	for _, t := range f.Triggers {
		if !t.Started || t.ServiceBus == nil {
			continue
		}
		if _, err := x.Queue(f, t); err != nil {
			refused = append(refused, pipeline.Diagnostic{File: t.File, Path: "$.properties.typeProperties",
				Message: fmt.Sprintf("trigger %s: %v", t.Name, err)})
		}
	}
	return refused.Err()
}

// Start implements [factory.Starter].
func (x Starter) Start(f *pipeline.Factory, def *pipeline.Trigger) (stop func(), err error) {
	if def.Is(pipeline.TypeScheduleTrigger) {
		return x.schedule(f, def)
	}
	if def.Is(pipeline.TypeTumblingWindowTrigger) {
		return x.windows(f, def)
	}
	src, err := x.source(f, def, secretLimit)
	if err != nil {
		return nil, err
	}
	q, err := src.open()
	if err != nil {
		return nil, err
	}
	t, err := trigger.NewServiceBus(trigger.Options{
		Engine: x.Engine, Log: x.Log, Clock: x.Clock, Logger: x.Logger, Source: src,
		Namespace: q.Namespace(), Factory: f, Trigger: def, Rooms: x.Rooms,
	})
	if err != nil {
		return nil, err
	}
	if err := t.Start(x.Context); err != nil {
		return nil, err
	}
	return t.Stop, nil
}

// schedule starts a trigger that goes by time.
func (x Starter) schedule(f *pipeline.Factory, def *pipeline.Trigger) (stop func(), err error) {
	if err := x.timed(def); err != nil {
		return nil, err
	}
	t, err := trigger.NewSchedule(trigger.ScheduleOptions{Runs: x.Engine, Firings: x.Firings, Clock: x.Clock,
		Logger: x.Logger, Factory: f, Trigger: def})
	if err != nil {
		return nil, err
	}
	if err := t.Start(x.Context); err != nil {
		return nil, err
	}
	return t.Stop, nil
}

// timed refuses triggers that go by time where nothing keeps what they have done.
func (x Starter) timed(def *pipeline.Trigger) error {
	if x.Firings == nil {
		return fmt.Errorf("trigger %s is of type %s, and nothing fires by time here", def.Name, def.Type)
	}
	return nil
}

// windows starts a tumbling-window trigger.
func (x Starter) windows(f *pipeline.Factory, def *pipeline.Trigger) (stop func(), err error) {
	if err := x.timed(def); err != nil {
		return nil, err
	}
	t, err := trigger.NewTumblingWindow(trigger.WindowOptions{Runs: x.Engine, Firings: x.Firings, Log: x.Log,
		Clock: x.Clock, Logger: x.Logger, Factory: f, Trigger: def})
	if err != nil {
		return nil, err
	}
	if err := t.Start(x.Context); err != nil {
		return nil, err
	}
	return t.Stop, nil
}
