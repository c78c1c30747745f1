package engine

import (
	"errors"
	"time"

	"switchyard/commit"
	"switchyard/pipeline/run"
)

// ErrNotInHistory is wrapped by the errors of [History] reads that name a run,
// a payload or a definition that is not there.
var ErrNotInHistory = errors.New("not in the history")

// A Hash names a definition by its content.
type Hash = run.Hash

// A RunRecord is what [History] knows of a run without reading its events.
type RunRecord struct {
	ID       string
	Pipeline string
	Factory  string
	// Start orders [History.Runs]. It is the same in every record of a run, as
	// Factory is.
	Start time.Time
	// Updated is when the run changed last; zero in records of old histories, whose
	// Summary has it.
	Updated time.Time
	// Active is true until the run has ended: [History.ActiveRuns] finds it.
	Active bool
	// Definition is the hash of the definition that the run follows; zero if the
	// run's first event holds it.
	Definition Hash
	// Bytes is about what the run takes in the history, before compression; zero
	// until it has ended.
	Bytes int64
	// Cause names what started the run, if another run may be started by the same;
	// zero if none is.
	Cause Hash
	// Summary is the engine's own encoding of what a list of runs shows.
	Summary []byte
	// Damage says why the record, or what leads to it, can't be read; nil: it was
	// read. What is not known of the rest is zero, but for ID, and what is known of
	// Factory may be in lower case. It is not written.
	Damage error
}

// A Listing names runs of one factory in the order of their starts; those that
// started at the same time in the order of their ids.
type Listing struct {
	Factory     string // compared ignoring case
	NewestFirst bool
	// Until leaves out runs that started later; zero: none.
	Until time.Time
	// Behind is the run after which the listing goes on, in its order; nil: it
	// begins at the first run. The run need not exist any more.
	Behind *Place
}

// A Place is where a run stands in every listing of its factory.
type Place struct {
	Start time.Time
	ID    string
}

// A History keeps the events of pipeline runs durably. Methods that take a unit
// only add records to it; they can't fail. Reads see what has been committed, so
// a caller that needs to read its own writes syncs them first.
//
// Slices that are given are copied before the method returns; slices that are
// returned or passed to a callback belong to the receiver.
type History interface {
	// AppendEvents adds events numbered from, from+1, … to the run. The numbers
	// of a run are consecutive and written once.
	AppendEvents(u *commit.Unit, run string, from uint64, events [][]byte)
	// Events calls f for every event of the run from the number from on, in the order of
	// their numbers, and stops with the error that f returns. That there are none, of a run
	// that is known or not, is no error; a gap in the numbers is.
	Events(run string, from uint64, f func(n uint64, e []byte) error) error

	// PutPayload keeps a value that is too large for an event under a number
	// that the run chose and an event names.
	PutPayload(u *commit.Unit, run string, n uint64, b []byte)
	// Payload reads a value. The error wraps [ErrNotInHistory] if there is none.
	Payload(run string, n uint64) ([]byte, error)
	// PayloadSize returns how many bytes [History.Payload] would, without reading them.
	PayloadSize(run string, n uint64) (int64, error)

	// PutSnapshot keeps the state of a run, in the place of the one that was kept before.
	PutSnapshot(u *commit.Unit, run string, b []byte)
	// Snapshot reads it. The error wraps [ErrNotInHistory] if there is none.
	Snapshot(run string) ([]byte, error)
	// DeleteSnapshot removes it.
	DeleteSnapshot(u *commit.Unit, run string)

	// PutRun writes a run's record. UpdateRun replaces it by one that has the same
	// ID, Factory, Start and Definition.
	PutRun(u *commit.Unit, r RunRecord)
	UpdateRun(u *commit.Unit, r RunRecord)
	// Run reads a run's record. The error wraps [ErrNotInHistory] if there is none.
	// A record that can't be read is no error here, nor in what follows: it has Damage.
	Run(id string) (RunRecord, error)
	// ActiveRuns returns the records with Active set, oldest start first. Its
	// cost depends on their number, not on the length of the history.
	ActiveRuns() ([]RunRecord, error)
	// Runs calls f for the records that a listing names, in its order, until f
	// returns false or an error, which Runs returns. Its cost depends on the number
	// of calls, not on the length of the history. Summary belongs to the history
	// and is valid until f returns.
	Runs(l Listing, f func(RunRecord) (more bool, err error)) error

	// PutCancelRequest notes that a run shall be cancelled.
	PutCancelRequest(u *commit.Unit, run string, at time.Time)
	// CancelRequest returns when that was asked for. The error wraps
	// [ErrNotInHistory] if it was not.
	CancelRequest(run string) (time.Time, error)

	// PutDefinition keeps a definition. Putting it again changes nothing.
	PutDefinition(u *commit.Unit, h Hash, b []byte)
	// Definition reads a definition. The error wraps [ErrNotInHistory] if there is
	// none.
	Definition(h Hash) ([]byte, error)
	// UnusedDefinitions returns the definitions that no run's record names. Its cost
	// depends on the number of definitions, not of runs.
	UnusedDefinitions() ([]Hash, error)
	// DeleteDefinition removes a definition.
	DeleteDefinition(u *commit.Unit, h Hash)

	// RunSize returns how many events and payloads a run has from two numbers on, and their
	// bytes.
	RunSize(id string, event, payload uint64) (items int, bytes int64, err error)
	// DropEvents removes the committed events and payloads of a run, and its snapshot; its
	// record stays.
	DropEvents(u *commit.Unit, id string)
	// PutAttempt keeps which of the runs of a cause has failed last. The run's record
	// has the cause.
	PutAttempt(u *commit.Unit, cause Hash, run string)
	// Attempt reads that. The error wraps [ErrNotInHistory] if there is none, or it was
	// deleted.
	Attempt(cause Hash) (run string, err error)
	// PutTally writes the tally of a factory, or removes that of one without runs.
	PutTally(u *commit.Unit, t Tally)
	// Tallies returns the tallies of all factories. Their number, not that of the runs,
	// is the cost. One that can't be read has Damage.
	Tallies() ([]Tally, error)
	// Reclaim is called after runs were deleted: the history may give back to the
	// disk what they leave. It may take as long as a commit.
	Reclaim()

	// DeleteRun removes the run's committed record with all its events and
	// payloads, its snapshot, and the request to cancel it.
	DeleteRun(u *commit.Unit, id string)
}
