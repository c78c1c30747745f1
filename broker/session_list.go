package broker

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"switchyard/clock"
)

// A listing is where somebody stands who lists sessions page by page: who asks for the
// sessions beyond the first skip ones gets those after the last that was named, without
// a look at all before, and misses none although others of the first are gone meanwhile.
type listing struct {
	since time.Time
	skip  int
	last  string
	ends  time.Time // by the broker's clock
}

const (
	// maxListings is how many listings of one entity are remembered.
	maxListings = 16
	// listingAge is how long one is: as long as a client may take over a page.
	listingAge = time.Minute
)

// listings are the latest, the youngest last.
type listings []listing

// find returns where a listing goes on.
func (l listings) find(since time.Time, skip int, now time.Time) (last string, ok bool) {
	for _, x := range l {
		if x.skip == skip && x.since.Equal(since) && x.ends.After(now) {
			last, ok = x.last, true
		}
	}
	return last, ok
}

func (l *listings) add(x listing) {
	*l = slices.DeleteFunc(*l, func(y listing) bool { return y.skip == x.skip && y.since.Equal(x.since) })
	if n := len(*l); n >= maxListings {
		*l = slices.Delete(*l, 0, n-maxListings+1)
	}
	*l = append(*l, x)
}

// Sessions names sessions in the order of [Store] Sessions, without the first skip ones, at
// most top: those that have messages or a state; or, with a time of the wall clock, those
// whose state was set after it [SB-AMQP 9.3].
func (q *Queue) Sessions(since time.Time, skip, top int) ([]string, error) {
	e := q.e
	e.mu.Lock()
	err, commits := e.alive(), e.last
	if err == nil {
		err = e.q.CanReceive(q.sub) // as a peek
	}
	requires := e.options.RequiresSession
	e.touch()
	last, known := e.listings.find(since, skip, e.b.Now())
	e.mu.Unlock()
	switch {
	case err == nil && !requires:
		err = ErrNoSessions
	case err == nil:
		err = e.b.Wait(commits)
	}
	if err != nil {
		return nil, fmt.Errorf("sessions of queue %q: %w", e.path, err)
	}
	var after *string
	if known {
		after = &last
	} else if after, err = q.skipSessions(since, skip); err == nil && after == nil && skip > 0 {
		return nil, nil
	}
	var ids []string
	if err == nil {
		ids, err = q.sessions(since, after, top)
	}
	if err != nil {
		return nil, e.readFailed("its sessions", err)
	}
	if n := len(ids); n == top {
		e.mu.Lock()
		e.listings.add(listing{since, skip + n, ids[n-1], e.b.Now().Add(listingAge)})
		e.mu.Unlock()
	}
	return ids, nil
}

// skipSessions returns the last of the first n sessions; nil: there are not so many.
func (q *Queue) skipSessions(since time.Time, n int) (last *string, err error) {
	for n > 0 {
		page, err := q.sessions(since, last, min(n, takePage))
		if err != nil || len(page) < min(n, takePage) {
			return nil, err
		}
		n -= len(page)
		last = &page[len(page)-1]
	}
	return last, nil
}

// sessions names up to n sessions after one.
func (q *Queue) sessions(since time.Time, after *string, n int) ([]string, error) {
	store := q.e.b.store
	if !since.IsZero() {
		return store.SessionsWithState(q.ID(), clock.LastShown(q.e.b.clock, since), after, n)
	}
	ids, err := store.SessionsWithState(q.ID(), since, after, n)
	if err != nil {
		return nil, err
	}
	active, err := store.Sessions(q.ID(), after, n)
	if err != nil {
		return nil, err
	}
	ids = append(ids, active...)
	slices.SortFunc(ids, func(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b)) })
	ids = slices.Compact(ids)
	return ids[:min(len(ids), n)], nil
}
