package engine

import (
	"container/list"
	"sync"

	"switchyard/pipeline/run"
	"switchyard/value"
)

// A cache holds payloads that were read or written lately, of all runs, up to a
// number of bytes.
type cache struct {
	limit int64

	mu    sync.Mutex
	bytes int64                               // guarded by mu
	order list.List                           // of *cached, the latest first; guarded by mu
	runs  map[string]map[uint64]*list.Element // by number, for each run that has any; guarded by mu
}

type cacheKey struct {
	run string
	n   uint64
}

type cached struct {
	key   cacheKey
	value value.Value
	bytes int64
}

func newCache(limit int64) *cache {
	return &cache{limit: limit, runs: map[string]map[uint64]*list.Element{}}
}

func (c *cache) get(key cacheKey) (value.Value, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.runs[key.run][key.n]
	if e == nil {
		return nil, false
	}
	c.order.MoveToFront(e)
	return e.Value.(*cached).value, true
}

// add keeps a value unless it would push out most of the others.
func (c *cache) add(key cacheKey, v value.Value) {
	bytes := run.Footprint(v)
	if bytes > c.limit/4 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	of := c.runs[key.run]
	if e := of[key.n]; e != nil {
		c.order.MoveToFront(e)
		return
	}
	if of == nil {
		of = map[uint64]*list.Element{}
		c.runs[key.run] = of
	}
	of[key.n] = c.order.PushFront(&cached{key, v, bytes})
	for c.bytes += bytes; c.bytes > c.limit; {
		c.drop(c.order.Back())
	}
}

// forget drops what a run has left, when it ends.
func (c *cache) forget(run string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, e := range c.runs[run] {
		c.drop(e)
	}
}

func (c *cache) drop(e *list.Element) {
	x := c.order.Remove(e).(*cached)
	of := c.runs[x.key.run]
	if delete(of, x.key.n); len(of) == 0 {
		delete(c.runs, x.key.run)
	}
	c.bytes -= x.bytes
}
