package trigger

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"math/big"
	"net/url"
	"strings"
	"sync"
	"time"

	"switchyard/clock"
	"switchyard/commit"
	"switchyard/pipeline/engine"
)

// A RunStatus is how a trigger run is [ADF-REST 6].
type RunStatus string

// The statuses of trigger runs. One that starts runs and does not wait for them is one of the
// first two, a tumbling window each of them.
const (
	Succeeded RunStatus = "Succeeded"
	Failed    RunStatus = "Failed"
	Cancelled RunStatus = "Cancelled"
	// Waiting is a window whose time has come and for which there is no place yet.
	Waiting RunStatus = "Waiting"
	// WaitingOnDependency is one that has a place and waits for other windows.
	WaitingOnDependency RunStatus = "WaitingOnDependency"
	// Running is one whose pipeline runs, or will be run again.
	Running RunStatus = "Running"
)

// Ended reports whether nothing more happens in a trigger run.
func (s RunStatus) Ended() bool { return s == Succeeded || s == Failed || s == Cancelled }

// A Run is one firing of a trigger, a trigger run.
type Run struct {
	ID      string
	Factory string // in lower case, if it was read
	Trigger string
	Type    string // of the trigger
	// At is when it fired, by the clock that nobody sets, Scheduled the time for which, by
	// the wall clock.
	At, Scheduled time.Time
	// Shown is At as the wall clock showed it; zero, if the trigger run is being written.
	Shown     time.Time
	Status    RunStatus
	Message   string // why it failed, or what it waits for
	Pipelines []Triggered
	Window    *Window // of a tumbling-window trigger; nil: of another one
}

// Triggered is a run that a trigger run has started.
type Triggered struct {
	Pipeline string `json:"pipeline"`
	Run      string `json:"run"`
}

// Records keep the records of triggers under keys. Put and Delete only add to a unit; Range
// sees what has been committed.
type Records interface {
	// Range calls f for the records with keys from one on and before another, in the order
	// of keys or backwards, until f returns false or an error, which Range returns. Of a
	// value that can't be read f gets the damage.
	Range(from, to string, backwards bool, f func(key string, val []byte, damage error) (more bool, err error)) error
	Put(u *commit.Unit, key string, val []byte)
	Delete(u *commit.Unit, key string)
}

// FiringsOptions are what [Firings] need.
type FiringsOptions struct {
	Records Records
	Log     commit.Log
	Clock   clock.Clock
	Logger  *slog.Logger // default: none
	// Engine has the pipeline runs, and says how long those are kept. A trigger run is kept as
	// long as one of its runs is. One that has started none is kept for [engine.Retention.Age],
	// without that for 45 days, and not longer than one that fired after it. Only [Firings.Sweep] needs it.
	Engine *engine.Engine
	// Awaited reports whether the windows of a trigger may be waited for. Then one that has not
	// succeeded is kept, so that it can be rerun. Nil: those of none are.
	Awaited func(factory, trigger string) bool
}

// Firings keep the trigger runs of triggers that go by time, and up to which time each has
// fired. The store holds JSON records with a version under
//
//	datafactory/s/<factory>/<trigger>         up to when a trigger has fired
//	datafactory/r/<factory>/<time>/<id>       one trigger run
//	datafactory/w/<factory>/<trigger>/<start> a window that has not succeeded
//
// where names are in lower case and escaped as in a URL's path. A window that was made and is
// not under w has succeeded.
type Firings struct {
	o FiringsOptions

	// mu guards the lanes and what is in them but their mutexes. It is held while a unit that
	// changes them is submitted, and while a lane is read at first.
	mu    sync.Mutex
	lanes map[string]*lane // by key of its state

	// hosting guards hosts. Nothing is submitted under it.
	hosting sync.Mutex
	hosts   map[*TumblingWindow]string // and their factories in lower case
}

// NewFirings returns the trigger runs of a store.
func NewFirings(o FiringsOptions) *Firings {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return &Firings{o: o, lanes: map[string]*lane{}, hosts: map[*TumblingWindow]string{}}
}

const firingVersion = 1

// stateRecord is what is kept of a trigger.
type stateRecord struct {
	Version int       `json:"v"`
	Fired   time.Time `json:"fired"` // scheduled
}

// runRecord is a trigger run as it is kept; its key has the rest.
type runRecord struct {
	Version   int         `json:"v"`
	Trigger   string      `json:"trigger"`
	Type      string      `json:"type"`
	Scheduled time.Time   `json:"scheduled"`
	Status    RunStatus   `json:"status"`
	Message   string      `json:"message,omitempty"`
	Pipelines []Triggered `json:"pipelines,omitempty"`
	Window    *Window     `json:"window,omitempty"`
}

func (r *stateRecord) version() int { return r.Version }
func (r *runRecord) version() int   { return r.Version }

func encodeFiring(r any) []byte {
	b, err := json.Marshal(r)
	if err != nil {
		panic(fmt.Sprintf("trigger: %v", err)) // a struct of texts and times
	}
	return b
}

func decodeFiring(b []byte, r interface{ version() int }) error {
	if err := json.Unmarshal(b, r); err != nil {
		return fmt.Errorf("%w: %w", commit.ErrDamaged, err)
	}
	if v := r.version(); v != firingVersion {
		return fmt.Errorf("record of a trigger has version %d, this program reads %d", v, firingVersion)
	}
	return nil
}

const (
	statePrefix  = "datafactory/s/"
	firingPrefix = "datafactory/r/"
	// keyTime is of one length, so that keys sort as times do.
	keyTime = "20060102T150405.000000000"
)

func folded(name string) string { return url.PathEscape(strings.ToLower(name)) }

func stateKey(factory, trigger string) string {
	return statePrefix + folded(factory) + "/" + folded(trigger)
}

// firingsOf is the prefix of a factory's trigger runs.
func firingsOf(factory string) string { return firingPrefix + folded(factory) + "/" }

func firingKey(factory string, at time.Time, id string) string {
	return firingsOf(factory) + at.UTC().Format(keyTime) + "/" + id
}

// end is behind all keys with a prefix, which ends in a slash.
func end(prefix string) string { return strings.TrimSuffix(prefix, "/") + "0" }

// readFiring makes a trigger run of a record. Of one that can't be read it says so.
func readFiring(key string, val []byte, damage error) (*Run, error) {
	parts := strings.Split(strings.TrimPrefix(key, firingPrefix), "/")
	if len(parts) != 3 {
		return nil, fmt.Errorf("key %q is not one of a trigger run", key)
	}
	at, err := time.Parse(keyTime, parts[1])
	if err != nil {
		return nil, fmt.Errorf("key %q is not one of a trigger run: %w", key, err)
	}
	factory, err := url.PathUnescape(parts[0])
	if err != nil {
		return nil, fmt.Errorf("key %q is not one of a trigger run: %w", key, err)
	}
	r := &Run{ID: parts[2], Factory: factory, At: at}
	var rec runRecord
	if damage == nil {
		damage = decodeFiring(val, &rec)
	}
	switch {
	case errors.Is(damage, commit.ErrDamaged):
		r.Status, r.Message = Failed, cut("The record of the trigger run can't be read: "+damage.Error())
		return r, nil
	case damage != nil:
		return nil, fmt.Errorf("trigger run %s: %w", r.ID, damage)
	}
	r.Trigger, r.Type, r.Scheduled = rec.Trigger, rec.Type, rec.Scheduled
	r.Status, r.Message, r.Pipelines, r.Window = rec.Status, rec.Message, rec.Pipelines, rec.Window
	return r, nil
}

// fired returns up to when a trigger has fired; zero: it has not.
func (x *Firings) fired(factory, trigger string) (at time.Time, err error) {
	key := stateKey(factory, trigger)
	err = x.o.Records.Range(key, key+"\x00", false, func(_ string, val []byte, damage error) (bool, error) {
		if damage != nil {
			return false, damage
		}
		var r stateRecord
		err := decodeFiring(val, &r)
		at = r.Fired
		return false, err
	})
	if err != nil {
		return at, fmt.Errorf("read when trigger %s of data factory %s fired: %w", trigger, factory, err)
	}
	return at, nil
}

// put adds a firing to a unit.
func (x *Firings) put(u *commit.Unit, r *Run) {
	x.putFired(u, r.Factory, r.Trigger, r.Scheduled)
	x.putRun(u, r)
}

// putFired adds up to when a trigger has fired.
func (x *Firings) putFired(u *commit.Unit, factory, trigger string, at time.Time) {
	x.o.Records.Put(u, stateKey(factory, trigger), encodeFiring(&stateRecord{Version: firingVersion, Fired: at}))
}

// putRun adds the record of a trigger run.
func (x *Firings) putRun(u *commit.Unit, r *Run) {
	x.o.Records.Put(u, firingKey(r.Factory, r.At, r.ID), encodeFiring(&runRecord{Version: firingVersion,
		Trigger: r.Trigger, Type: r.Type, Scheduled: r.Scheduled, Status: r.Status, Message: r.Message,
		Pipelines: r.Pipelines, Window: r.Window}))
}

// Forget adds to a unit that a trigger, which is deleted, has not fired. Its trigger runs stay;
// windows that wait are cancelled.
func (x *Firings) Forget(u *commit.Unit, factory, trigger string) {
	x.o.Records.Delete(u, stateKey(factory, trigger))
	x.forgetWindows(u, factory, trigger)
}

// A Query asks for trigger runs of one factory, in the order in which they fired. Its times
// are of the wall clock.
type Query struct {
	Factory string // compared ignoring case
	// After and Before bound when they fired, inclusive; zero: no bound.
	After, Before time.Time
	// NewestFirst turns the order round.
	NewestFirst bool
	// Behind is the run, or trigger run, after which the answer goes on; nil: at the first.
	Behind *engine.Place
	Limit  int               // 0: all
	Where  func(r *Run) bool // nil: all
}

// Query returns the trigger runs that a query asks for, and whether there are more.
func (x *Firings) Query(q Query) (list []*Run, more bool, err error) {
	l := engine.Listing{Factory: q.Factory, NewestFirst: q.NewestFirst, Until: clock.LastShown(x.o.Clock, q.Before),
		Behind: q.Behind}
	err = x.runs(l, func(r *Run) (bool, error) {
		r.Shown = clock.Shown(x.o.Clock, r.At).UTC()
		if r.Shown.Before(q.After) || !q.Before.IsZero() && r.Shown.After(q.Before) || q.Where != nil && !q.Where(r) {
			return true, nil
		}
		if more = q.Limit > 0 && len(list) == q.Limit; more {
			return false, nil
		}
		list = append(list, r)
		return true, nil
	})
	return list, more, err
}

// runs calls f for the trigger runs that a listing names, in its order, until f returns false
// or an error. The listing may go on behind a pipeline run: of one time, trigger runs follow
// pipeline runs.
func (x *Firings) runs(l engine.Listing, f func(*Run) (more bool, err error)) error {
	from := firingsOf(l.Factory)
	to := end(from)
	if !l.Until.IsZero() {
		to = min(to, firingKey(l.Factory, l.Until, "~"))
	}
	if b := l.Behind; b != nil {
		at := firingKey(l.Factory, b.Start, "")
		if IsRunID(b.ID) {
			at += b.ID
		}
		if l.NewestFirst {
			to = min(to, at)
		} else {
			from = at + "\x00"
		}
	}
	return x.o.Records.Range(from, to, l.NewestFirst, func(key string, val []byte, damage error) (bool, error) {
		r, err := readFiring(key, val, damage)
		if err != nil {
			return false, err
		}
		return f(r)
	})
}

// DeleteOf forgets the trigger runs of a factory.
func (x *Firings) DeleteOf(ctx context.Context, factory string) error {
	from := firingsOf(factory)
	for behind := end(from); ; {
		var keys []string
		err := x.o.Records.Range(from, behind, false, func(key string, _ []byte, _ error) (bool, error) {
			keys = append(keys, key)
			return len(keys) < deleteBatch, nil
		})
		if err != nil || len(keys) == 0 {
			return err
		}
		if err := x.delete(ctx, keys); err != nil {
			return err
		}
		from = keys[len(keys)-1] + "\x00"
	}
}

// deleteBatch is how many trigger runs are forgotten, or looked at, at once.
const deleteBatch = 64

func (x *Firings) delete(ctx context.Context, keys []string) error {
	return commit.Do(ctx, x.o.Log, commit.Frees, nil, func(u *commit.Unit) {
		for _, key := range keys {
			x.o.Records.Delete(u, key)
		}
	})
}

// newRunID makes the id of a trigger run as Data Factory's are: the times that come sort
// before those that were.
func newRunID(at time.Time) string {
	const ticksPerSecond, unixEpoch = 10_000_000, 621_355_968_000_000_000
	ticks := at.Unix()*ticksPerSecond + int64(at.Nanosecond())/100 + unixEpoch
	n, err := rand.Int(rand.Reader, big.NewInt(100_000_000_000))
	if err != nil {
		panic(fmt.Sprintf("trigger: %v", err)) // crypto/rand does not fail
	}
	return fmt.Sprintf("%020d%09dCU%02d", math.MaxInt64-ticks, n.Int64()/100, n.Int64()%100)
}

// IsRunID reports whether an id is one of a trigger run that is kept here.
func IsRunID(id string) bool {
	return len(id) == 33 && id[29:31] == "CU" && strings.Trim(id[:29]+id[31:], "0123456789") == ""
}
