package expr

import (
	"strings"
	"sync"
)

// templates remembers parsed templates: the strings of a definition are
// evaluated once per run and once per iteration. Two generations bound it; a
// generation ends when its strings reach cacheBytes, and what was not used
// during the next one is forgotten.
var templates templateCache

const (
	cacheBytes    = 1 << 20
	cacheLongest  = 16 << 10 // longer strings are parsed every time
	cacheOverhead = 256      // charged per entry beyond its string
)

type templateCache struct {
	mu       sync.Mutex
	young    map[string]*Template // guarded by mu
	old      map[string]*Template // guarded by mu
	youngest int                  // bytes charged to young; guarded by mu
}

func cachedParse(s string) (*Template, error) {
	if strings.IndexByte(s, '@') < 0 {
		return &Template{source: s, literal: s}, nil
	}
	if len(s) > cacheLongest {
		return Parse(s)
	}
	return templates.parse(s)
}

func (c *templateCache) parse(s string) (*Template, error) {
	c.mu.Lock()
	t, ok := c.young[s]
	if !ok {
		if t, ok = c.old[s]; ok {
			c.add(s, t)
		}
	}
	c.mu.Unlock()
	if ok {
		return t, nil
	}
	t, err := Parse(s)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	c.add(s, t)
	c.mu.Unlock()
	return t, nil
}

// add puts t into the young generation. The caller holds mu.
func (c *templateCache) add(s string, t *Template) {
	cost := len(s) + cacheOverhead
	if c.young == nil || c.youngest+cost > cacheBytes {
		c.old, c.young, c.youngest = c.young, make(map[string]*Template), 0
	}
	c.young[s] = t
	c.youngest += cost
}
