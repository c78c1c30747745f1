package engine

import (
	"errors"
	"fmt"
	"math"
	"strings"

	"switchyard/pipeline/run"
)

// A message whose run fails starts another one, up to its queue's MaxDeliveryCount. All
// of them but the last together cost the history little: when a run has failed, the
// events, payloads and parameters of the one before, which failed too, are dropped. Its
// record stays, with status, times and error, and says so.

// maxDroppedMessage bounds what stays of the message of a run whose events were
// dropped: it may hold a whole body.
const maxDroppedMessage = 1 << 10

// dropEarlier drops the events of the attempt before a run that has just failed, and
// notes the run as the last attempt. What fails leaves both as they are.
func (r *runner) dropEarlier() {
	if (r.cause == Hash{}) || r.created.Recovers != "" || r.state.Status() != run.Failed {
		return
	}
	r.journal.submit()
	e := r.e
	e.deleting.RLock() // nobody deletes the earlier run until this is durable
	earlier, err := e.earlier(r.cause)
	if err != nil {
		e.o.Logger.Error("the earlier attempt of a failed run stays as it is", "run", r.id, "err", err)
	}
	u := r.journal.fill()
	u.Then(e.deleting.RUnlock)
	e.o.History.PutAttempt(u, r.cause, r.id)
	if earlier == nil {
		return
	}
	less, err := dropFrom(*earlier, r.id)
	if err != nil {
		e.o.Logger.Error("the earlier attempt of a failed run stays as it is", "run", r.id, "err", err)
		return
	}
	e.o.History.DropEvents(u, earlier.ID)
	e.o.History.UpdateRun(u, less)
	r.journal.release = e.tallies.add(u, []Tally{{Factory: less.Factory, Bytes: less.Bytes - earlier.Bytes}})
}

// earlier returns the record of the last failed run of a cause; nil if there is none.
func (e *Engine) earlier(cause Hash) (*RunRecord, error) {
	id, err := e.o.History.Attempt(cause)
	if err == nil {
		var rec RunRecord
		if rec, err = e.o.History.Run(id); err == nil && !rec.Active {
			return &rec, nil
		}
	}
	if errors.Is(err, ErrNotInHistory) {
		err = nil
	}
	return nil, err
}

// dropFrom returns the record of a run without events.
func dropFrom(rec RunRecord, later string) (RunRecord, error) {
	s, err := rec.summary()
	if err != nil {
		return rec, fmt.Errorf("run %s: %w", rec.ID, err)
	}
	s.Version, s.DroppedFor, s.Parameters = summaryVersion, later, nil
	if rec.Updated.IsZero() {
		rec.Updated = s.Updated
	}
	if len(s.Message) > maxDroppedMessage {
		s.Message = strings.ToValidUTF8(s.Message[:maxDroppedMessage], "") + "…"
	}
	rec.Summary = s.encode()
	rec.Bytes = SizeOf(0, 0, rec.Summary)
	return rec, nil
}

// dropped says in favour of which run another one's events were dropped.
func dropped(later string) string {
	return "the parameters and activities of this attempt are no longer kept: run " + later +
		", a later attempt of the same messages, has failed too"
}

// readWhole folds the durable events of a run, with the records of its activities. Errors wrap
// [ErrRunNotFound] or [ErrRunDropped].
func (e *Engine) readWhole(id string) (*runner, error) {
	if err := e.whole(id); err != nil {
		return nil, err
	}
	end := e.durableOf(id)
	if end == 0 {
		return nil, ErrRunNotFound // not yet
	}
	r, err := e.readTo(id, true, end)
	if err != nil { // because it was dropped or deleted meanwhile?
		err = errors.Join(e.whole(id), err)
	}
	return r, err
}

// durableOf is the number of the first event of a run that may not be durable: the history
// has what is written, and a kill may take what is not on the disk yet.
func (e *Engine) durableOf(id string) uint64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	if r := e.runs[id]; r != nil {
		return r.journal.durable.Load()
	}
	return math.MaxUint64
}

// whole returns an error if the events of a run are not there.
func (e *Engine) whole(id string) error {
	rec, err := e.o.History.Run(id)
	if err != nil {
		return notFound(err)
	}
	s, err := rec.summary()
	if rec.Damage != nil && err != nil {
		return nil // its events may be there
	}
	if err == nil && s.DroppedFor != "" {
		err = fmt.Errorf("%w: %s", ErrRunDropped, dropped(s.DroppedFor))
	}
	return err
}
