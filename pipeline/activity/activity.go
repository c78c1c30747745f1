// Package activity is what activities do: the only part of the factory that
// talks to the world. An [Executor] gets a [Call] whose inputs are resolved and
// answers with a [Result]; it knows nothing of runs, retries or history, which
// are the engine's, and starts no goroutine that outlives Execute.
//
// The package implements [ENGINE 5.15] (Web), [ENGINE 5.16] (WebHook) and the extensions ServiceBusSend
// and ServiceBusSettle. An executor never changes another package itself: what it
// wants to have sent or settled is the [commit.Effect] of its result, which the
// run's owner stages together with the record that the activity has finished,
// so that both become durable or neither.
package activity

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"switchyard/commit"
	"switchyard/pipeline"
	"switchyard/value"
)

// A Call is one attempt of one activity: everything an executor may know.
type Call struct {
	RunID, PipelineName, Factory string
	ActivityName, ActivityType   string
	Path                         string // for example Loop[17]/Call
	Attempt                      int    // 1 for the first
	// ActivityRunID is the same when the attempt has to be made again because
	// the process died: what it is sent to can recognise it.
	ActivityRunID string
	// Input holds the resolved typeProperties. It may contain secrets.
	Input *value.Object
	// LinkedService is the resolved linked service, nil if the activity names
	// none.
	LinkedService *LinkedService
	// Datasets are those that typeProperties names, by the name of the property;
	// Inputs and Outputs those that the activity lists beside them.
	Datasets        map[string]*Dataset
	Inputs, Outputs []*Dataset
	// Binding names what started the run, in the words of its trigger; nil if
	// the run was not started by messages.
	Binding json.RawMessage
	// Rerun says that the run is the rerun of another one, and holds no messages. Settled
	// names those that the earlier runs have settled: lock tokens in lower case, and
	// sequence numbers.
	Rerun   bool
	Settled []string
	Now     time.Time
	// Queued is how long the attempt waited for its turn.
	Queued time.Duration
	// Release gives back the room that the input takes. Who calls it has let go of
	// Input; it happens anyhow when the executor returns. Nil: the input takes none.
	Release func()
	// CallBackURI is where what is called posts to when it is done; "": this process can't be
	// called back.
	CallBackURI string
	// Accepted notes that what was called gives its answer later, and where it is asked for;
	// Poll is what was noted before the process ended: the call is not made again. A nil
	// Accepted notes nothing.
	Accepted func(poll string)
	Poll     string
	// Yield gives up the attempt's place among those that execute at once, before a
	// wait that only other attempts can end; the attempt goes on without one. Nil: it
	// has none.
	Yield func()
	// Mask returns a text as it may be shown, without the secrets of the run and of the
	// call. Nil: there are none.
	Mask func(text string) string
}

// sent lets go of the input.
func (c *Call) sent() {
	c.Input = nil
	if c.Release != nil {
		c.Release()
	}
}

// LinkedService and Dataset are what a call gets: every expression of theirs is
// resolved.
type (
	LinkedService = pipeline.ResolvedLinkedService
	Dataset       = pipeline.ResolvedDataset
)

// Result is the outcome of an attempt: a failure if Err is not nil, otherwise a
// success. A failure may have an output too.
type Result struct {
	Output *value.Object
	// Effect is staged in the unit that records the success, nil if there is
	// none. If it refuses, the attempt has failed with [ErrorFrom] its error.
	Effect commit.Effect
	Err    *Error
	// Waits: the attempt is not over, but waits to be called back. There is nothing else in
	// the result.
	Waits bool
	// Release gives back what the attempt holds for its output; nil: nothing. It is
	// called once the output is durable, or not wanted.
	Release func()
}

// Error is why an attempt failed [ENGINE 4]. Without details they read as an empty
// array.
type Error = pipeline.ActivityError

// Values of [Error.FailureType].
const (
	UserError   = pipeline.UserError
	SystemError = pipeline.SystemError
)

// ErrorFrom is err as an activity's error: itself if it is one, otherwise a
// UserError with the given code and its text.
func ErrorFrom(code string, err error) *Error {
	if e, ok := err.(*Error); ok {
		return e
	}
	return &Error{Code: code, Message: err.Error(), FailureType: UserError}
}

// An Executor makes attempts of one activity type. It is called from many
// goroutines at once. When ctx ends (timeout, cancellation, shutdown) it returns
// soon; what it returns then is ignored.
type Executor func(ctx context.Context, c *Call) Result

// Registry finds the executor of an activity type. Types are compared ignoring
// case [ENGINE 2]. It is filled before the engine starts and only read
// afterwards.
type Registry struct {
	executors map[string]Executor // by type in lower case, and as it was registered
}

// Options are what the executors of this package need.
type Options struct {
	Web WebOptions
	Bus Bus
}

// Executors returns a registry of the executors of this package. It panics if a
// supported type of [pipeline.ActivityTypes] that is not decided in package run
// has none.
func Executors(o Options) *Registry {
	web := NewWeb(o.Web)
	executors := map[string]Executor{
		"WebActivity":             web.Execute,
		pipeline.WebHook:          web.Call,
		pipeline.ServiceBusSend:   ServiceBusSend{o.Bus}.Execute,
		pipeline.ServiceBusSettle: ServiceBusSettle{o.Bus}.Execute,
	}
	r := NewRegistry()
	for _, row := range pipeline.ActivityTypes() {
		if !row.Supported || row.Control {
			continue
		}
		x := executors[row.Name]
		if x == nil {
			panic("activity: " + row.Name + " has no executor")
		}
		r.Register(row.Name, x)
	}
	return r
}

// NewRegistry returns an empty registry.
func NewRegistry() *Registry { return &Registry{executors: map[string]Executor{}} }

// Register makes x the executor of an activity type.
func (r *Registry) Register(activityType string, x Executor) {
	r.executors[strings.ToLower(activityType)] = x
	r.executors[activityType] = x // the usual spelling needs no conversion
}

func (r *Registry) find(activityType string) (Executor, bool) {
	x, ok := r.executors[activityType]
	if !ok {
		x, ok = r.executors[strings.ToLower(activityType)]
	}
	return x, ok
}

// Supports reports whether the type has an executor.
func (r *Registry) Supports(activityType string) bool {
	_, ok := r.find(activityType)
	return ok
}

// Execute calls the executor of the call's activity type. A type without one
// fails with an error that names it.
func (r *Registry) Execute(ctx context.Context, c *Call) Result {
	x, ok := r.find(c.ActivityType)
	if !ok {
		return Result{Err: failf(codeNotSupported, "The activity type '%s' is not supported by Switchyard.",
			c.ActivityType)}
	}
	return x(ctx, c)
}

// codeNotSupported is the error code of everything Azure has and we don't.
const codeNotSupported = "NotSupported"
