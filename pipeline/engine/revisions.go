package engine

import (
	"context"
	"fmt"
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

	// creating is held for reading from the question whether a definition is stored
	// until the run that names it is durable, and for writing while definitions that
	// no run names are deleted.
	creating sync.RWMutex
}

func newRevisions(h History, s Sealer) *revisions {
	return &revisions{history: h, frames: frames{sealer: s}, current: map[*pipeline.Pipeline]*run.Revision{},
		byHash: map[run.Hash]*run.Revision{}, stored: map[run.Hash]bool{}}
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

// missing returns the record of a definition, nil if the history has it. The caller
// holds x.creating.
func (x *revisions) missing(r *run.Revision) []byte {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.stored[r.Hash()] {
		return nil
	}
	return x.frames.seal(append(newFrame(), r.Definition()...), x.frames.sealer != nil)
}

// durable notes that the history has a definition. The caller holds x.creating.
func (x *revisions) durable(r *run.Revision) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.stored[r.Hash()] = true
}

// deleteUnused deletes the definitions that no run names.
func (x *revisions) deleteUnused(ctx context.Context, log commit.Log) error {
	x.creating.Lock()
	defer x.creating.Unlock()
	unused, err := x.history.UnusedDefinitions()
	if err != nil {
		return fmt.Errorf("unused definitions: %w", err)
	}
	if len(unused) == 0 {
		return nil
	}
	x.mu.Lock()
	for _, h := range unused {
		delete(x.stored, h)
	}
	x.mu.Unlock()
	return commit.Do(ctx, log, commit.Frees, nil, func(u *commit.Unit) {
		for _, h := range unused {
			x.history.DeleteDefinition(u, h)
		}
	})
}
