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
	bytes int64                      // guarded by mu
	order list.List                  // of *cached, the latest first; guarded by mu
	at    map[cacheKey]*list.Element // guarded by mu
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

func newCache(limit int64) *cache { return &cache{limit: limit, at: map[cacheKey]*list.Element{}} }

func (c *cache) get(key cacheKey) (value.Value, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.at[key]
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
	if e := c.at[key]; e != nil {
		c.order.MoveToFront(e)
		return
	}
	c.at[key] = c.order.PushFront(&cached{key, v, bytes})
	for c.bytes += bytes; c.bytes > c.limit; {
		c.drop(c.order.Back())
	}
}

// forget drops what a run has left, when it ends.
func (c *cache) forget(run string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for e := c.order.Front(); e != nil; {
		next := e.Next()
		if e.Value.(*cached).key.run == run {
			c.drop(e)
		}
		e = next
	}
}

func (c *cache) drop(e *list.Element) {
	x := c.order.Remove(e).(*cached)
	delete(c.at, x.key)
	c.bytes -= x.bytes
}
