package bridge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"switchyard/broker"
	"switchyard/commit"
	"switchyard/pipeline/activity"
	"switchyard/pipeline/trigger"
)

// A binding names the messages of a batch durably: it is in the record of the
// run that they started.
type binding struct {
	Namespace string           `json:"namespace"`
	Queue     string           `json:"queue"`
	Messages  map[string]int64 `json:"messages"` // lock token as shown to the run -> sequence number
}

// bound reads a binding and finds its queue.
func (b *Bus) bound(source json.RawMessage) (*binding, *broker.Queue, error) {
	if len(source) == 0 {
		return nil, nil, errors.New("this run was not started by Service Bus messages: there is nothing to settle")
	}
	bound := &binding{}
	if err := json.Unmarshal(source, bound); err != nil {
		return nil, nil, fmt.Errorf("binding of the run: %w", err)
	}
	q, err := b.named(bound.Namespace, bound.Queue)
	return bound, q, err
}

var outcomes = map[activity.Outcome]broker.OutcomeKind{
	activity.Complete:   broker.Complete,
	activity.Abandon:    broker.Abandon,
	activity.Defer:      broker.Defer,
	activity.DeadLetter: broker.DeadLetter,
}

// settle settles one message of the batch that started a run.
func (b *Bus) settle(run string, op activity.Settle) (broker.Op, error) {
	source, err := trigger.SourceBinding(op.Binding)
	if err != nil {
		return nil, err
	}
	bound, q, err := b.bound(source)
	if err != nil {
		return nil, err
	}
	seq := op.SequenceNumber
	if seq == 0 {
		var ok bool
		if seq, ok = bound.Messages[strings.ToLower(op.LockToken)]; !ok {
			return nil, fmt.Errorf("lock token %s is of no message that started this run", op.LockToken)
		}
	}
	kind, ok := outcomes[op.Outcome]
	if !ok {
		return nil, fmt.Errorf("outcome %q is not Complete, Abandon, Defer or DeadLetter", op.Outcome)
	}
	o := broker.Outcome{
		Kind: kind, Reason: op.Reason, Description: op.Description, Shown: op.Shown, Properties: properties(op.PropertiesToModify),
	}
	switch kind {
	case broker.DeadLetter:
		o.Properties = withRun(o.Properties, run)
	case broker.Abandon, broker.Defer: // which may be the last delivery
		o.Exhausted = &broker.DeadLetterInfo{Properties: withRun(nil, run)}
	}
	return broker.RunSettleOp{Queue: q, Run: broker.RunID(run), SequenceNumbers: []int64{seq}, Outcome: o}, nil
}

// Settle implements [trigger.Settler]: it settles all that a run still holds.
func (b *Bus) Settle(source json.RawMessage, run string, s trigger.Settlement) (commit.Effect, error) {
	_, q, err := b.bound(source)
	if errors.Is(err, broker.ErrEntityNotFound) || errors.Is(err, broker.ErrNamespaceNotFound) {
		return nil, nil // deleted with its messages: nothing is left to settle
	}
	if err != nil {
		return nil, err
	}
	return b.o.Broker.Effect(broker.RunSettleOp{Queue: q, Run: broker.RunID(run), Outcome: outcome(s)}), nil
}

func outcome(s trigger.Settlement) broker.Outcome {
	switch s.Kind {
	case trigger.Release:
		return broker.Outcome{Kind: broker.Release}
	case trigger.Abandon:
		o := abandon(s.Reason, s.Description, s.Backoff)
		for _, p := range s.Properties {
			o.Exhausted.Properties = append(o.Exhausted.Properties, broker.Property{Name: p.Name, Value: p.Value})
		}
		return o
	default:
		return broker.Outcome{Kind: broker.Complete}
	}
}

// abandon gives messages back with a delay; the last delivery ends in the
// dead-letter queue with the reason.
func abandon(reason, description string, back trigger.Backoff) broker.Outcome {
	return broker.Outcome{
		Kind: broker.Abandon, Backoff: broker.Backoff(back),
		Exhausted: &broker.DeadLetterInfo{Reason: reason, Description: description},
	}
}

// ReleaseOthers gives back the messages of runs that are not active: their creation
// was never durable, or their end is. It is called before any run goes on.
func (b *Bus) ReleaseOthers(ctx context.Context, log commit.Log, active map[broker.RunID]bool) error {
	for _, run := range slices.Sorted(maps.Keys(b.o.Broker.RunLocks())) {
		if active[run] {
			continue
		}
		err := commit.Do(ctx, log, commit.Frees, b.o.Broker.ReleaseRun(run))
		if errors.Is(err, commit.ErrDamaged) { // the queue tells, and the next start tries again
			b.o.Logger.Error("the messages of a run that is over can't be read and stay locked", "run", run, "err", err)
			continue
		}
		if err != nil {
			return fmt.Errorf("release the messages of run %s, which is over: %w", run, err)
		}
	}
	return nil
}
