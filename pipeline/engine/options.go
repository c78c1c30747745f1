package engine

import (
	"encoding/json"
	"log/slog"
	"time"

	"switchyard/clock"
	"switchyard/commit"
	"switchyard/pipeline"
	"switchyard/pipeline/activity"
	"switchyard/pipeline/run"
	"switchyard/value"
)

// Sealer encrypts what must not be readable in the history.
type Sealer interface {
	Seal(plain []byte) []byte
	Open(sealed []byte) ([]byte, error)
}

// Options are what an [Engine] needs.
type Options struct {
	History  History
	Log      commit.Log
	Clock    clock.Clock
	Logger   *slog.Logger // default: none
	Registry *activity.Registry
	// Sealer protects secure values in the history. Without one they are kept
	// readable, which is for tests and for histories in memory only.
	Sealer Sealer
	// Finish returns what settles the messages that started a run, given
	// the Binding of its [RunOptions]; it may return nil. It is staged in the
	// run's last unit. A run ends even if it fails.
	Finish func(binding json.RawMessage, run string, o Outcome) (commit.Effect, error)
	// Release returns what gives back the messages that a run holds, whose Binding can't
	// be read: it is cancelled.
	Release func(run string) commit.Effect
	// Factory returns a factory as it is now, for the pipelines that activities run. It
	// does not wait for a run.
	Factory func(name string) (*pipeline.Factory, error)
	// LinkedService finds a linked service of a factory.
	LinkedService func(factory, name string) (*pipeline.LinkedService, error)
	// Dataset finds a dataset of a factory.
	Dataset func(factory, name string) (*pipeline.Dataset, error)
	// Secret reads secrets of the key vaults that linked services name; nil: there are none.
	Secret pipeline.SecretFunc
	// CallBack returns where an attempt of a WebHook is called back, and what in that nobody
	// else may know; it is the same whenever it is asked. Nil: nothing can be called back.
	CallBack func(run, activityRun string) (uri, secret string)
	// MaxActivities is how many activities execute at once in the whole engine,
	// default 256. Others wait for their turn.
	MaxActivities int
	// Memory is how many bytes the process may use; 0: unknown, which counts as 2 GiB.
	// All runs together may hold half of it in variables and loops.
	Memory int64
	// RunMemory is how many of them one run may hold. Default: an eighth, at least
	// 64 MiB.
	RunMemory int64
	// RunSize is how many bytes the events and values of one run may take in the history
	// while it is active; 0: no bound.
	RunSize int64
	// MaxQueuedRuns is how many runs of a pipeline wait for its concurrency,
	// default 100 [ENGINE 3.4].
	MaxQueuedRuns int
	// SnapshotEvery is after how many events the state of a run is written, so that a start
	// need not fold them: default 4096, and later if the state is large. 1: after each turn,
	// however large the state is; negative: never.
	SnapshotEvery int
	// ActivityFinished, if not nil, is called when the end of an attempt is durable. It
	// must not block.
	ActivityFinished func(FinishedActivity)
	// Retention says when runs leave the history. Default: never.
	Retention Retention
}

// RunOptions are the facts of a new run beside its pipeline and parameters.
type RunOptions struct {
	ID        string           // default: a new GUID
	Trigger   *run.TriggerInfo // default: started by hand
	InvokedBy *run.Invoker     // default: by Trigger, or Manual
	// Binding names what has to be settled when the run ends, in the words of
	// the trigger. It is passed to Options.Finish and to activities.
	Binding json.RawMessage
	// Cause names what starts the run, if something starts runs again and again until
	// one succeeds: messages that are delivered again after a failed run. When a run
	// fails and another of the same cause has failed before, that one's events are
	// dropped. The runs of a cause follow one another.
	Cause Hash
	// Effect becomes durable together with the run, for example the locks on
	// the messages that start it. If it refuses there is no run.
	Effect commit.Effect
	// Waiting, if not nil, is called when a Wait activity of the run, or the interval
	// before another attempt, has begun, as long as this process has it. It must not block.
	Waiting func(run.Timer)

	// Recovery makes the run the rerun of another one, whose parameters it has; nil: it is
	// none. A rerun has no Cause of its own.
	Recovery *Recovery

	parent *runner       // an activity of which starts the run; nil: none does
	secret *value.Object // the parameters, if the activity's input is declared secure
}

// Outcome is how a run ended.
type Outcome struct {
	Status  run.Status
	Message string // the run's message, empty on success
	// FailedActivity and Error tell the first failure of a Failed run.
	FailedActivity string
	Error          *pipeline.ActivityError
}

// A FinishedRun is what [Engine.OnFinished] tells.
type FinishedRun struct {
	ID, Factory, Pipeline, Trigger string
	Outcome
	Started, Ended time.Time
	Binding        json.RawMessage // of the [RunOptions]; nil if it is not known
}

// A FinishedActivity is an attempt of an activity that has ended.
type FinishedActivity struct {
	Run, Path string
	Attempt   int
	Status    run.Status
	Error     *pipeline.ActivityError // nil unless Failed
}
