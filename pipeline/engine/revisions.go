package engine

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"switchyard/commit"
	"switchyard/pipeline"
	"switchyard/pipeline/run"
)

// maxRevisions is how many compiled definitions are kept. More are compiled again
// when they are needed.
const maxRevisions = 256

// revisions are the definitions that runs follow. Each is compiled once for all its
// runs, and stands once in the history, under its hash, for as long as a run's
// record names it.
type revisions struct {
	history History
	frames  frames // seals definitions

	mu      sync.Mutex
	current map[*pipeline.Pipeline]*run.Revision // guarded by mu
	byHash  map[run.Hash]*run.Revision           // guarded by mu
	stored  map[run.Hash]bool                    // are durable in the history; guarded by mu
	// pinned counts, for each definition, the runs that name it and are not durable yet:
	// it is not deleted. Guarded by mu.
	pinned map[run.Hash]int

	// deleting is held while definitions that no run names are deleted, and for reading
	// while one is pinned.
	deleting sync.RWMutex
}

func newRevisions(h History, s Sealer) *revisions {
	return &revisions{history: h, frames: frames{sealer: s}, current: map[*pipeline.Pipeline]*run.Revision{},
		byHash: map[run.Hash]*run.Revision{}, stored: map[run.Hash]bool{}, pinned: map[run.Hash]int{}}
}

// of returns the revision that a pipeline is now. A definition that changes is
// another pipeline.
func (x *revisions) of(p *pipeline.Pipeline) (*run.Revision, error) {
	x.mu.Lock()
	r := x.current[p]
	x.mu.Unlock()
	if r != nil {
		return r, nil
	}
	r, err := run.NewRevision(p)
	if err != nil {
		return nil, err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	r = x.keep(r)
	if len(x.current) >= maxRevisions {
		clear(x.current)
	}
	x.current[p] = r
	return r, nil
}

// keep returns the revision that is kept for a definition: r, or one like it. The
// caller holds x.mu.
func (x *revisions) keep(r *run.Revision) *run.Revision {
	if same := x.byHash[r.Hash()]; same != nil {
		return same
	}
	if len(x.byHash) >= maxRevisions {
		clear(x.byHash)
		clear(x.stored)
	}
	x.byHash[r.Hash()] = r
	return r
}

// ofRun returns the revision that a run of the history follows.
func (x *revisions) ofRun(c *run.Created) (*run.Revision, error) {
	if c.Revision == (run.Hash{}) {
		return run.ParseRevision(c.PipelineName, c.Definition)
	}
	x.mu.Lock()
	r := x.byHash[c.Revision]
	x.mu.Unlock()
	if r != nil {
		return r, nil
	}
	b, err := x.history.Definition(c.Revision)
	if err != nil {
		return nil, err
	}
	if b, err = x.frames.open(b); err != nil {
		return nil, fmt.Errorf("definition %x: %w", c.Revision, err)
	}
	if r, err = run.ParseRevision(c.PipelineName, b[2:]); err != nil {
		return nil, err
	}
	if r.Hash() != c.Revision {
		return nil, fmt.Errorf("definition %x: %w: it is %x", c.Revision, errMalformedFrame, r.Hash())
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.keep(r), nil
}

// pin returns the record of a definition, nil if the history has it, and keeps it from being
// deleted until a call of durable or unpin.
func (x *revisions) pin(r *run.Revision) []byte {
	x.deleting.RLock()
	defer x.deleting.RUnlock()
	x.mu.Lock()
	defer x.mu.Unlock()
	x.pinned[r.Hash()]++
	if x.stored[r.Hash()] {
		return nil
	}
	return x.frames.seal(append(newFrame(), r.Definition()...), x.frames.sealer != nil)
}

// durable notes that a run that was to name a definition is durable, and the definition
// with it.
func (x *revisions) durable(r *run.Revision) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.stored[r.Hash()] = true
	x.release(r.Hash())
}

// unpin notes that no run was made of the one that was to name a definition.
func (x *revisions) unpin(r *run.Revision) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.release(r.Hash())
}

// release takes back one pin. The caller holds x.mu.
func (x *revisions) release(h run.Hash) {
	if x.pinned[h]--; x.pinned[h] <= 0 {
		delete(x.pinned, h)
	}
}

// deleteUnused deletes the definitions that no run names.
func (x *revisions) deleteUnused(ctx context.Context, log commit.Log) error {
	x.deleting.Lock()
	defer x.deleting.Unlock()
	unused, err := x.history.UnusedDefinitions()
	if err != nil {
		return fmt.Errorf("unused definitions: %w", err)
	}
	x.mu.Lock()
	unused = slices.DeleteFunc(unused, func(h run.Hash) bool { return x.pinned[h] > 0 })
	for _, h := range unused {
		delete(x.stored, h)
	}
	x.mu.Unlock()
	if len(unused) == 0 {
		return nil
	}
	return commit.Do(ctx, log, commit.Frees, nil, func(u *commit.Unit) {
		for _, h := range unused {
			x.history.DeleteDefinition(u, h)
		}
	})
}
