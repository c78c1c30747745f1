package pipeline

import (
	"slices"
	"strings"

	"switchyard/value"
)

// Limits of [ENGINE 8], which Data Factory keeps, and the bounds of what is read at all: what
// they bound is counted before anything else is done with a definition.
const (
	maxActivities, mostActivities       = 120, 1200
	maxParameters, mostParameters       = 50, 500
	maxPipelineBytes, mostPipelineBytes = 200 << 10, 2000 << 10
)

// withinLimits reports what a pipeline has too much of. It is false if that is too much to be
// read.
func (d *document) withinLimits(root *value.Object) (readable bool) {
	readable = true
	limit := func(at, format string, n, max, most int) {
		switch {
		case n > most:
			readable = false
			d.errorf(at, format+"; here it can be relaxed up to %d", n, max, most)
		case n > max:
			d.beyond(at, format, n, max)
		}
	}
	limit("$", "the definition has %d bytes, at most %d are allowed", len(value.Append(nil, root)),
		maxPipelineBytes, mostPipelineBytes)
	limit(d.props.At(BranchBody), "%d activities, at most %d are allowed", countActivities(d.props.Raw(), BranchBody, 0),
		maxActivities, mostActivities)
	parameters, _ := d.props.Raw().Lookup("parameters")
	o, _ := parameters.(*value.Object)
	limit(d.props.At("parameters"), "%d parameters, at most %d are allowed", o.Len(), maxParameters, mostParameters)
	return readable
}

// countActivities counts the activities in a list of activities and in the
// containers among them, as deep as they are read.
func countActivities(o *value.Object, name string, depth int) int {
	v, _ := o.Lookup(name)
	list, _ := v.(value.Array)
	n := len(list)
	if depth == maxNesting {
		return n
	}
	for _, v := range list {
		a, _ := v.(*value.Object)
		kind, _ := a.Lookup("type")
		name, _ := kind.(string)
		row := LookupActivityType(name)
		if row == nil {
			continue
		}
		tp, _ := a.Lookup("typeProperties")
		properties, _ := tp.(*value.Object)
		for i := range row.Properties {
			switch p := &row.Properties[i]; p.Kind {
			case ActivitiesProperty:
				n += countActivities(properties, p.Name, depth+1)
			case CasesProperty:
				cases, _ := properties.Lookup(p.Name)
				array, _ := cases.(value.Array)
				for _, c := range array {
					o, _ := c.(*value.Object)
					n += countActivities(o, BranchBody, depth+1)
				}
			}
		}
	}
	return n
}

// An activitySet is a set of activities of one pipeline, by the numbers that the
// validator gives them.
type activitySet [(mostActivities + 63) / 64]uint64

func (s *activitySet) add(i int) { s[i/64] |= 1 << (i % 64) }

func (s *activitySet) addAll(o *activitySet) {
	for w := range s {
		s[w] |= o[w]
	}
}

func (s *activitySet) has(i int) bool { return s[i/64]&(1<<(i%64)) != 0 }

// parameterIndex finds parameters by their lower-case names, for lists that have
// no limit.
type parameterIndex map[string]*Parameter

func indexParameters(list []*Parameter) parameterIndex {
	x := make(parameterIndex, len(list))
	for _, p := range list {
		x[strings.ToLower(p.Name)] = p
	}
	return x
}

func (x parameterIndex) has(name string) bool { return x[strings.ToLower(name)] != nil }

// names are those that were declared, sorted.
func (x parameterIndex) names() []string {
	list := make([]string, 0, len(x))
	for _, p := range x {
		list = append(list, p.Name)
	}
	slices.Sort(list)
	return list
}
