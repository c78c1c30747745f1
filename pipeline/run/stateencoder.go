package run

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

// EncodeState appends the encoding of a state to dst. See [stateVersion].
func EncodeState(dst []byte, s *State) []byte {
	w := &stateWriter{encoder: encoder{keeps: true}, ids: map[*node]uint64{}, records: map[int]*ActivityRecord{}}
	for _, r := range s.records {
		w.records[r.number] = r
	}
	w.record(s.firstFailed)
	if !s.Finished() {
		w.open = s.openScopes()
		w.scope(s.root)
		w.refs(s.undecided())
		w.refs(s.flight)
	}
	scopes := w.b
	w.b = append(dst, stateVersion, encodingVersion)
	w.hash(&s.revision.hash)
	w.text(&s.created.ID)
	recovered := slices.SortedFunc(maps.Values(s.recovered),
		func(a, b *Recovered) int { return strings.Compare(a.Path, b.Path) })
	records := slices.SortedFunc(maps.Values(w.records),
		func(a, b *ActivityRecord) int { return cmp.Compare(a.number, b.number) })
	s.fields(w, &recovered, &records)
	return append(w.b, scopes...)
}

// stateWriter writes the scopes of a state, and collects the records that they name.
type stateWriter struct {
	encoder
	open    map[*node][]*scope // by owner, in the order of the iterations
	ids     map[*node]uint64   // of those that are written, from 1
	records map[int]*ActivityRecord
}

// openScopes returns the scopes whose nodes are alive, but the root. Those of a container
// that was given up while they were open are among them.
func (s *State) openScopes() map[*node][]*scope {
	open := map[*node][]*scope{}
	for _, n := range s.live {
		if sc := n.scope; sc.owner != nil && n == &sc.nodes[0] {
			open[sc.owner] = append(open[sc.owner], sc)
		}
	}
	for _, list := range open {
		slices.SortFunc(list, func(a, b *scope) int { return cmp.Compare(a.iteration, b.iteration) })
	}
	return open
}

// undecided returns the nodes that wait for a decision, in the order of the queue.
func (s *State) undecided() (nodes []*node) {
	for _, t := range s.queue[s.head:] {
		if n := t.node; n.turn == t.turn && n.phase.open() && !n.aborted() {
			nodes = append(nodes, n)
		}
	}
	return nodes
}

// refs writes which nodes are meant. Those that are not written belong to nobody any more.
func (w *stateWriter) refs(nodes []*node) {
	for _, n := range nodes {
		if id := w.ids[n]; id != 0 {
			w.uvarint(id)
		}
	}
	w.uvarint(0)
}

// record writes which record is meant, 0 for none.
func (w *stateWriter) record(r *ActivityRecord) {
	if r == nil {
		w.uvarint(0)
		return
	}
	w.records[r.number] = r
	w.uvarint(uint64(r.number) + 1)
}

func (w *stateWriter) scope(sc *scope) {
	for i := range sc.nodes {
		w.node(&sc.nodes[i])
	}
	for _, n := range sc.failed {
		w.uvarint(uint64(sc.place(n)) + 1)
	}
	w.uvarint(0)
}

func (sc *scope) place(n *node) int {
	for i := range sc.nodes {
		if &sc.nodes[i] == n {
			return i
		}
	}
	return -1
}

func (w *stateWriter) node(n *node) {
	w.ids[n] = uint64(len(w.ids)) + 1
	w.small((*uint8)(&n.phase))
	switch n.phase {
	case waiting:
		return
	case done:
		w.small((*uint8)(&n.status))
		w.record(n.record)
		if n.step.kind == kindUntil && w.present(n.children != nil) {
			w.closed(n.children.last)
		}
		return
	}
	w.int(&n.attempt)
	w.record(n.record)
	if n.hasStarted() {
		n.started.fields(w)
	}
	if n.phase == running && n.step.kind == kindExecution {
		w.optional(n.accepted != nil, func() { n.accepted.fields(w) })
	}
	if n.timerKind() != 0 {
		w.time(&n.fireAt)
	}
	switch {
	case n.phase == ready:
	case n.step.kind == kindExecutePipeline:
		n.child.fields(w)
	case n.step.kind.container():
		w.children(n)
	}
}

func (w *stateWriter) children(n *node) {
	c := n.children
	w.uvarint(uint64(slices.IndexFunc(n.step.branches, func(b branch) bool { return b.graph == c.graph })))
	c.fields(w)
	open := w.open[n]
	w.uvarint(uint64(len(open)))
	for _, sc := range open {
		w.int(&sc.iteration)
		w.scope(sc)
	}
	if n.step.kind == kindUntil && len(open) == 0 {
		w.closed(c.last)
	}
}

// closed writes what expressions may see of the last iteration of an Until.
func (w *stateWriter) closed(sc *scope) {
	w.int(&sc.iteration)
	for i := range sc.nodes {
		if n := sc.nodes[i].ran(); n != nil {
			w.small((*uint8)(&n.status))
			w.record(n.record)
		} else {
			w.b = append(w.b, 0)
		}
	}
}
