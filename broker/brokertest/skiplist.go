package brokertest

import "math/rand/v2"

const maxLevel = 20

// skiplist is a map with ordered keys.
type skiplist struct {
	head  skipnode
	level int
	size  int
	rand  *rand.Rand
}

type skipnode struct {
	key   string
	value any
	next  []*skipnode
}

func newSkiplist() *skiplist {
	return &skiplist{head: skipnode{next: make([]*skipnode, maxLevel)}, level: 1,
		rand: rand.New(rand.NewPCG(1, 2))}
}

// path fills prev with the last node before key on every level, and returns the
// first node at or after it.
func (s *skiplist) path(key string, prev *[maxLevel]*skipnode) *skipnode {
	n := &s.head
	for l := s.level - 1; l >= 0; l-- {
		for n.next[l] != nil && n.next[l].key < key {
			n = n.next[l]
		}
		prev[l] = n
	}
	return n.next[0]
}

// seek returns the first node at or after key.
func (s *skiplist) seek(key string) *skipnode {
	var prev [maxLevel]*skipnode
	return s.path(key, &prev)
}

func (s *skiplist) get(key string) (any, bool) {
	if n := s.seek(key); n != nil && n.key == key {
		return n.value, true
	}
	return nil, false
}

func (s *skiplist) set(key string, value any) {
	var prev [maxLevel]*skipnode
	if n := s.path(key, &prev); n != nil && n.key == key {
		n.value = value
		return
	}
	level := 1
	for level < maxLevel && s.rand.IntN(4) == 0 {
		level++
	}
	for ; s.level < level; s.level++ {
		prev[s.level] = &s.head
	}
	n := &skipnode{key: key, value: value, next: make([]*skipnode, level)}
	for l := range level {
		n.next[l], prev[l].next[l] = prev[l].next[l], n
	}
	s.size++
}

func (s *skiplist) delete(key string) {
	var prev [maxLevel]*skipnode
	n := s.path(key, &prev)
	if n == nil || n.key != key {
		return
	}
	for l := range n.next {
		prev[l].next[l] = n.next[l]
	}
	s.size--
}
