package run

import (
	"errors"
	"fmt"
	"strings"

	"switchyard/pipeline"
)

// A graph is one list of activities (the pipeline's own or a container's branch)
// with its dependencies resolved. It is made once for a run and shared by all
// iterations.
type graph struct {
	steps  []step
	byName map[string]int // lower case
	inner  map[string]int // names of the activities of an Until's body to the Until
}

// A step is one activity of a [graph].
type step struct {
	def        *pipeline.Activity
	kind       activityKind
	deps       []edge
	dependents []int    // one entry for each edge that names this step
	upstream   []uint64 // bit set of the steps reachable against the edges
	branches   []branch // of a container
}

// An edge is one entry of dependsOn.
type edge struct {
	from       int
	conditions []pipeline.Condition
}

type branch struct {
	name  string
	graph *graph
}

// branch returns the graph of a branch; nil if the container has none of that
// name.
func (s *step) branch(name string) *graph {
	for _, b := range s.branches {
		if b.name == name {
			return b.graph
		}
	}
	return nil
}

// activityKind says who decides about an activity.
type activityKind uint8

const (
	kindExecution   activityKind = iota // the engine executes it
	kindSetVariable                     // the rest is decided here
	kindAppendVariable
	kindIf
	kindSwitch
	kindForEach
	kindUntil
	kindFilter
	kindWait
	kindFail
	kindExecutePipeline
	kindUnsupported // would be decided here and is not
)

// deciders says which control activities are decided here, by the name of their
// row in [pipeline.ActivityTypes].
var deciders = map[string]activityKind{
	"SetVariable":    kindSetVariable,
	"AppendVariable": kindAppendVariable,
	"IfCondition":    kindIf,
	"Switch":         kindSwitch,
	"ForEach":        kindForEach,
	"Until":          kindUntil,
	"Filter":         kindFilter,
	"Wait":           kindWait,
	"Fail":           kindFail,

	"ExecutePipeline": kindExecutePipeline,
}

func kindOf(t *pipeline.ActivityType) activityKind {
	if t == nil || !t.Control {
		return kindExecution
	}
	if kind, ok := deciders[t.Name]; ok {
		return kind
	}
	return kindUnsupported
}

// newGraph resolves a list of activities. It refuses what would make a run
// stop short: a dependency on something that is no sibling, and a cycle.
func newGraph(activities []*pipeline.Activity) (*graph, error) {
	g := &graph{steps: make([]step, len(activities)), byName: make(map[string]int, len(activities)),
		inner: map[string]int{}}
	for i, a := range activities {
		name := strings.ToLower(a.Name)
		if _, twice := g.byName[name]; twice {
			return nil, fmt.Errorf("activity %q is defined twice", a.Name)
		}
		g.byName[name] = i
		g.steps[i] = step{def: a, kind: kindOf(a.Row)}
	}
	for i, a := range activities {
		s := &g.steps[i]
		for _, d := range a.DependsOn {
			from, ok := g.byName[strings.ToLower(d.Activity)]
			if !ok {
				return nil, fmt.Errorf("activity %q depends on %q, which is no activity beside it", a.Name,
					d.Activity)
			}
			s.deps = append(s.deps, edge{from, d.Conditions})
			g.steps[from].dependents = append(g.steps[from].dependents, i)
		}
		for _, scope := range a.Scopes() {
			child, err := newGraph(scope.Activities)
			if err != nil {
				return nil, err
			}
			s.branches = append(s.branches, branch{scope.Branch, child})
			if s.kind == kindUntil {
				for _, inner := range scope.Activities {
					g.inner[strings.ToLower(inner.Name)] = i
				}
			}
		}
	}
	return g, g.sort()
}

var errCycle = errors.New("the dependencies of the activities form a cycle")

// sort walks the steps in an order of dependency and fills in upstream.
func (g *graph) sort() error {
	pending := make([]int, len(g.steps))
	var ready []int
	words := (len(g.steps) + 63) / 64
	for i := range g.steps {
		g.steps[i].upstream = make([]uint64, words)
		if pending[i] = len(g.steps[i].deps); pending[i] == 0 {
			ready = append(ready, i)
		}
	}
	sorted := 0
	for ; sorted < len(ready); sorted++ {
		i := ready[sorted]
		for _, to := range g.steps[i].dependents {
			up := g.steps[to].upstream
			up[i/64] |= 1 << (i % 64)
			for w, bits := range g.steps[i].upstream {
				up[w] |= bits
			}
			if pending[to]--; pending[to] == 0 {
				ready = append(ready, to)
			}
		}
	}
	if sorted < len(g.steps) {
		return errCycle
	}
	return nil
}

func (s *step) isUpstream(i int) bool { return s.upstream[i/64]&(1<<(i%64)) != 0 }
