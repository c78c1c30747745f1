package datafactoryrp

import (
	"maps"
	"slices"
	"strings"
	"time"

	"switchyard/arm"
	"switchyard/value"
)

// operators are those of filters [ADF-REST 5], with whether they take more than one value.
var operators = map[string]bool{"Equals": false, "NotEquals": false, "In": true, "NotIn": true}

// readQuery reads the body of a query. What is there has an effect or is refused: an operand,
// an operator or an order that nobody knows would select what was not asked for.
func readQuery[T any](o *value.Object, spec querySpec[T]) (*query[T], error) {
	q := &query[T]{}
	var err error
	if err := only(spec.name, o, "lastUpdatedAfter", "lastUpdatedBefore", "continuationToken", "filters", "orderBy"); err != nil {
		return nil, err
	}
	if q.after, err = readTime(o, "lastUpdatedAfter"); err != nil {
		return nil, err
	}
	if q.before, err = readTime(o, "lastUpdatedBefore"); err != nil {
		return nil, err
	}
	if v, ok := o.Lookup("continuationToken"); ok && v != nil && v != "" {
		if q.token, ok = v.(string); !ok {
			return nil, badToken()
		}
	}
	filters, err := objects(o, "filters")
	if err != nil {
		return nil, err
	}
	for _, f := range filters {
		x, err := readFilter(f, spec)
		if err != nil {
			return nil, err
		}
		if x.operand != latestOnly || x.values[0] == "true" {
			q.filters = append(q.filters, x)
		}
	}
	orders, err := objects(o, "orderBy")
	if err != nil {
		return nil, err
	}
	for _, x := range orders {
		o, err := readOrder(x, spec)
		if err != nil {
			return nil, err
		}
		q.order = append(q.order, o)
	}
	if len(q.order) == 0 {
		q.order = []order[T]{{by: spec.start, of: spec.orders[spec.start]}}
	}
	return q, nil
}

// latestOnly is the operand that is a switch: "false" leaves all runs.
const latestOnly = "LatestOnly"

func readFilter[T any](f *value.Object, spec querySpec[T]) (filter[T], error) {
	x := filter[T]{operand: member(f, "operand"), operator: member(f, "operator")}
	if err := only("a filter", f, "operand", "operator", "values"); err != nil {
		return x, err
	}
	if x.of = spec.valuesOf(x.operand); x.of == nil {
		return x, arm.BadRequest("%s can't be filtered by '%s', but by %s", spec.name, x.operand,
			known(spec.operands, slices.Collect(maps.Keys(spec.many))...))
	}
	many, ok := operators[x.operator]
	if !ok {
		return x, arm.BadRequest("filter on %s: the operator '%s' is none of %s", x.operand, x.operator, known(operators))
	}
	v, _ := f.Lookup("values")
	list, _ := v.(value.Array)
	for _, v := range list {
		if kind := value.KindOf(v); kind == value.KindNull || kind == value.KindArray || kind == value.KindObject {
			list = nil
			break
		}
		text := value.Text(v)
		if t, err := time.Parse(time.RFC3339Nano, text); err == nil && slices.Contains(spec.times, x.operand) {
			text = value.Timestamp(t)
		}
		x.values = append(x.values, text)
	}
	switch {
	case len(list) == 0:
		return x, arm.BadRequest("filter on %s: values should be a list of texts that is not empty", x.operand)
	case !many && len(list) > 1:
		return x, arm.BadRequest("filter on %s: %s takes one value and there are %d; In and NotIn take several", x.operand,
			x.operator, len(list))
	}
	if x.operand != latestOnly {
		return x, nil
	}
	x.values[0] = strings.ToLower(x.values[0])
	if x.operator != "Equals" || x.values[0] != "true" && x.values[0] != "false" {
		return x, arm.BadRequest("filter on %s: it should be Equals with the value true or false", x.operand)
	}
	return x, nil
}

func readOrder[T any](o *value.Object, spec querySpec[T]) (order[T], error) {
	by, dir := member(o, "orderBy"), member(o, "order")
	if err := only("an element of orderBy", o, "orderBy", "order"); err != nil {
		return order[T]{}, err
	}
	x := order[T]{by, dir == "DESC", spec.orders[by]}
	switch {
	case x.of == nil:
		return x, arm.BadRequest("%s can't be ordered by '%s', but by %s", spec.name, by, known(spec.orders))
	case dir != "ASC" && dir != "DESC":
		return x, arm.BadRequest("orderBy %s: the order '%s' is none of ASC, DESC", by, dir)
	}
	return x, nil
}

// only refuses members that an object of a query does not have.
func only(what string, o *value.Object, names ...string) error {
	for _, m := range o.Members() {
		if !slices.ContainsFunc(names, func(n string) bool { return equalFold(n, m.Name) }) {
			return arm.BadRequest("%s has no member '%s', but %s", what, m.Name, strings.Join(names, ", "))
		}
	}
	return nil
}

func known[T any](names map[string]T, more ...string) string {
	return strings.Join(slices.Sorted(slices.Values(slices.AppendSeq(more, maps.Keys(names)))), ", ")
}

func badToken() error { return arm.BadRequest("continuationToken is not one that was handed out") }

func objects(o *value.Object, name string) ([]*value.Object, error) {
	v, ok := o.Lookup(name)
	if !ok || v == nil {
		return nil, nil
	}
	list, ok := v.(value.Array)
	var out []*value.Object
	for _, x := range list {
		obj, isObject := x.(*value.Object)
		ok = ok && isObject
		out = append(out, obj)
	}
	if !ok {
		return nil, arm.BadRequest("%s should be a list of objects", name)
	}
	return out, nil
}

// readTime reads a required date-time of a query.
func readTime(o *value.Object, name string) (time.Time, error) {
	v, _ := o.Lookup(name)
	s, ok := v.(string)
	if !ok {
		return time.Time{}, arm.BadRequest("%s is required", name)
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return time.Time{}, arm.BadRequest("%s: %q is not an ISO 8601 date-time with offset", name, s)
	}
	return t, nil
}
