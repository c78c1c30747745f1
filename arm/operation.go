package arm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"switchyard/clock"
	"switchyard/commit"
	"switchyard/value"
)

// An OperationFunc does the work of a long-running operation. It may be called
// again for the same operation after a crash, so it must be repeatable. An error
// that is an [*Error] is what a client that polls is told.
type OperationFunc func(ctx context.Context, op Operation) error

// An Operation is what is to be done by a long-running operation [ARM 2].
type Operation struct {
	ID           string          `json:"id"`
	Kind         string          `json:"kind"` // which OperationFunc does it
	Subscription string          `json:"subscription"`
	Target       string          `json:"target"` // the resource's ID
	Input        json.RawMessage `json:"input,omitempty"`
}

// OperationStatus is how far an operation is, as clients that poll read it.
type OperationStatus string

// The statuses of an operation. The last two are terminal.
const (
	OperationRunning   OperationStatus = "Running"
	OperationSucceeded OperationStatus = "Succeeded"
	OperationFailed    OperationStatus = "Failed"
)

// operationRecord is an operation as it is stored, version 1, under
// operations/<id>.
type operationRecord struct {
	Version int `json:"version"`
	Operation
	Status    OperationStatus `json:"status"`
	Error     *Error          `json:"error,omitempty"`
	CreatedAt time.Time       `json:"createdAt"`
	EndedAt   time.Time       `json:"endedAt,omitzero"`
}

const (
	operationVersion = 1
	operationPrefix  = "operations/"
	// keepOperations is how long the outcome of an operation can be asked for.
	keepOperations = 24 * time.Hour
	// patience is how long the first answer waits for the end of an operation, so
	// that most clients need no second poll [ARM 2.1].
	patience = 2 * time.Second
)

// HandleOperation says who does operations of a kind. It is called before
// [Kernel.Start], from a provider's Bind.
func (k *Kernel) HandleOperation(kind string, f OperationFunc) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.handlers[kind] = f
}

// NewOperation adds the record of a new operation to a unit, so that it is
// durable together with what it begins with. Once the unit is synced the caller
// calls [Kernel.RunOperation].
func (k *Kernel) NewOperation(u *commit.Unit, kind string, target ResourceID,
	input json.RawMessage) Operation {
	op := Operation{ID: k.NewGUID(), Kind: kind, Subscription: target.Subscription,
		Target: target.String(), Input: input}
	k.putOperation(u, operationRecord{Operation: op, Status: OperationRunning, CreatedAt: k.Now()})
	return op
}

func (k *Kernel) putOperation(u *commit.Unit, r operationRecord) {
	r.Version = operationVersion
	b, err := json.Marshal(r)
	if err != nil {
		panic(fmt.Sprintf("arm: operation record that is not JSON: %v", err))
	}
	k.store.Put(u, operationPrefix+r.ID, b)
}

func readOperation(b []byte) (operationRecord, error) {
	var r operationRecord
	if err := json.Unmarshal(b, &r); err != nil {
		return r, fmt.Errorf("operation record: %w", err)
	}
	if r.Version != operationVersion {
		return r, fmt.Errorf("operation record has version %d, want %d", r.Version, operationVersion)
	}
	return r, nil
}

// RunOperation does an operation on a goroutine of the kernel and waits a short
// while for its end.
func (k *Kernel) RunOperation(ctx context.Context, op Operation) {
	done := k.run(op)
	wait, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	select {
	case <-done:
	case <-wait.Done():
	}
}

func (k *Kernel) run(op Operation) (done <-chan struct{}) {
	end := make(chan struct{})
	k.mu.Lock()
	f := k.handlers[op.Kind]
	k.mu.Unlock()
	k.wg.Go(func() {
		defer close(end)
		err := k.protect(op, f)
		if k.ctx.Err() != nil {
			return // the next start does it again
		}
		if err := k.endOperation(op, err); err != nil {
			k.logger.Error("end of a long-running operation could not be recorded; it is repeated at the next start",
				"operation", op.ID, "kind", op.Kind, "err", err)
		}
	})
	return end
}

func (k *Kernel) protect(op Operation, f OperationFunc) (err error) {
	defer func() {
		if p := recover(); p != nil {
			k.logger.Error("long-running operation panicked",
				"operation", op.ID, "kind", op.Kind, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			err = internalError(op.ID)
		}
	}()
	if f == nil {
		return fmt.Errorf("there is nobody who does %q", op.Kind)
	}
	return f(k.ctx, op)
}

func (k *Kernel) endOperation(op Operation, failure error) error {
	b, err := k.store.Get(operationPrefix + op.ID)
	if err != nil {
		return err
	}
	r, err := readOperation(b)
	if err != nil {
		return err
	}
	r.Status, r.EndedAt = OperationSucceeded, k.Now()
	if failure != nil {
		r.Status = OperationFailed
		if r.Error = known(failure); r.Error == nil {
			k.logger.Error("long-running operation failed",
				"operation", op.ID, "kind", op.Kind, "target", op.Target, "err", failure)
			r.Error = internalError(op.ID)
		}
	}
	return k.Commit(k.ctx, func(u *commit.Unit) { k.putOperation(u, r) })
}

// Start continues the operations that an earlier process did not end, and
// forgets those that ended long ago.
func (k *Kernel) Start() error {
	var unfinished []Operation
	var old []string
	err := k.store.List(operationPrefix, func(key string, val []byte, damage error) error {
		if damage != nil {
			k.logger.Error("a long-running operation can't be read and is forgotten: "+
				"what it deletes may have to be deleted again",
				"operation", strings.TrimPrefix(key, operationPrefix), "err", damage)
			old = append(old, key)
			return nil
		}
		r, err := readOperation(val)
		switch {
		case err != nil:
			return err
		case r.Status == OperationRunning:
			unfinished = append(unfinished, r.Operation)
		case k.Now().Sub(r.EndedAt) > keepOperations:
			old = append(old, key)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("start resource manager: %w", err)
	}
	err = k.Commit(k.ctx, func(u *commit.Unit) {
		for _, key := range old {
			k.store.Delete(u, key)
		}
	})
	if err != nil {
		return fmt.Errorf("start resource manager: %w", err)
	}
	for _, op := range unfinished {
		k.run(op)
	}
	return nil
}

// Close stops the kernel's goroutines and waits for them. Operations that have
// not ended continue at the next start.
func (k *Kernel) Close() {
	k.cancel()
	k.wg.Wait()
}

// Accepted answers 202 with the Location to poll. There is no Retry-After: the
// first poll shall come at once [ARM 2.1].
func (k *Kernel) Accepted(r *Request, op Operation) *Response {
	h := http.Header{}
	h.Set("Location", operationURL(r, op, "operationresults"))
	return &Response{Status: http.StatusAccepted, Header: h}
}

func operationURL(r *Request, op Operation, typ string) string {
	return r.BaseURL + "/subscriptions/" + op.Subscription + "/" + typ + "/" + op.ID +
		"?api-version=" + r.APIVersion
}

// polled finds the operation that a request names.
func (k *Kernel) polled(r *Request) (op operationRecord, ended bool, err error) {
	id := strings.ToLower(r.ID.Names[0])
	notFound := Errorf(http.StatusNotFound, "NotFound", "The operation '%s' was not found.", clip(id))
	if !IsGUID(id) {
		return op, false, notFound
	}
	b, err := k.store.Get(operationPrefix + id)
	if errors.Is(err, ErrNotFound) {
		return op, false, notFound
	}
	if err != nil {
		return op, false, err
	}
	if op, err = readOperation(b); err != nil {
		return op, false, err
	}
	if op.Subscription != r.ID.Subscription {
		return op, false, notFound
	}
	return op, op.Status != OperationRunning && k.Now().Sub(op.CreatedAt) >= k.o.OperationDelay, nil
}

// operationResult answers a poll of Location: 202 until the end.
func (k *Kernel) operationResult(r *Request) (*Response, error) {
	op, ended, err := k.polled(r)
	switch {
	case err != nil:
		return nil, err
	case !ended:
		resp := k.Accepted(r, op.Operation)
		resp.Header.Set("Retry-After", "1")
		return resp, nil
	case op.Status == OperationFailed:
		return nil, op.Error
	}
	return OK(nil), nil
}

// operationStatus answers a poll of Azure-AsyncOperation: always 200, with the
// status in the body.
func (k *Kernel) operationStatus(r *Request) (*Response, error) {
	op, ended, err := k.polled(r)
	if err != nil {
		return nil, err
	}
	body := value.NewObject(
		value.Member{Name: "id", Value: r.ID.String()},
		value.Member{Name: "name", Value: op.ID},
		value.Member{Name: "status", Value: string(OperationRunning)},
		value.Member{Name: "startTime", Value: FormatTime(clock.Shown(k.o.Clock, op.CreatedAt))})
	resp := OK(body)
	if !ended {
		resp.Header = http.Header{"Retry-After": {"1"}}
		return resp, nil
	}
	body.Set("status", string(op.Status))
	body.Set("endTime", FormatTime(clock.Shown(k.o.Clock, op.EndedAt)))
	if op.Error != nil {
		body.Set("error", op.Error.Object())
	}
	return resp, nil
}

// FormatTime writes a time as Azure does: UTC with up to seven fractional
// digits [ARM 1.10]. The zero time is 0001-01-01T00:00:00Z, Azure's "never".
func FormatTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.9999999Z") }
