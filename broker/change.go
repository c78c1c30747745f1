package broker

import (
	"context"
	"fmt"

	"switchyard/commit"
)

// definitionSize is what a change of the catalogue is taken to cost in the log.
const definitionSize = 4 << 10

// A Change is the effect of one change of the catalogue: a namespace, a queue, a
// topic, a subscription or a rule is put or deleted. The methods of [Broker] that
// end in Effect make it, so that a control plane can write records of its own in
// the same unit; it admits and syncs the unit itself. Mistakes in the arguments
// are reported by Stage. A Change is staged once.
//
// From Stage to release it holds the lock of the catalogue: nobody finds,
// creates or deletes an entity meanwhile. A unit may hold one effect of the
// broker only.
type Change struct {
	b          *Broker
	what, name string
	decide     decideFunc
	created    bool
}

// decideFunc makes a change. It is called with Broker.mu held; unlock releases the
// locks that it has taken.
type decideFunc func(u *commit.Unit) (created bool, unlock func(), err error)

func (b *Broker) newChange(what, name string, decide decideFunc) *Change {
	return &Change{b: b, what: what, name: name, decide: decide}
}

// Stage implements [commit.Effect].
func (c *Change) Stage(u *commit.Unit) (release func(), err error) {
	release, err = c.stage(u)
	return release, c.failed(err)
}

// failed says which change an error is about.
func (c *Change) failed(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s %q: %w", c.what, c.name, err)
}

func (c *Change) stage(u *commit.Unit) (release func(), err error) {
	c.b.mu.Lock()
	created, unlock, err := c.decide(u)
	if err != nil {
		c.b.mu.Unlock()
		return nil, err
	}
	c.created = created
	return func() {
		unlock()
		c.b.mu.Unlock()
	}, nil
}

// Created reports whether what was put is new. It is set by Stage.
func (c *Change) Created() bool { return c.created }

// putSize is what a put announces to the log: what replaces a record takes no room that
// stays, so a folder that was deployed before starts on a nearly full disk. absent is
// the error of looking for what is put.
func putSize(absent error) int {
	if absent == nil {
		return commit.Frees
	}
	return definitionSize
}

// change makes a change as a unit of its own. A deletion announces [commit.Frees].
func (b *Broker) change(ctx context.Context, bytes int, c *Change) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(b.ctx, cancel)() // a broker that is closed lets nobody wait
	return c.failed(commit.Do(ctx, b.log, bytes, commit.EffectFunc(c.stage)))
}
