package datafactoryrp

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"switchyard/arm"
	"switchyard/value"
)

// A querySpec is what one of the queries of [ADF-REST 5] may name, as operand
// -> member of the records.
type querySpec struct {
	operands map[string]string
	orders   map[string]string
	start    string // the member that orders by default
	updated  string // the member that lastUpdatedAfter and -Before bound
}

var (
	pipelineRunQuery = querySpec{
		operands: map[string]string{"PipelineName": "pipelineName", "RunStart": "runStart", "RunEnd": "runEnd", "Status": "status", "RunGroupId": "runGroupId", "LatestOnly": "isLatest", "TriggeredByName": "invokedBy"},
		orders:   map[string]string{"PipelineName": "pipelineName", "RunStart": "runStart", "RunEnd": "runEnd", "Status": "status"},
		start:    "runStart", updated: "lastUpdated",
	}
	activityRunQuery = querySpec{
		operands: map[string]string{"ActivityName": "activityName", "ActivityRunStart": "activityRunStart", "ActivityRunEnd": "activityRunEnd", "ActivityType": "activityType", "Status": "status"},
		orders:   map[string]string{"ActivityName": "activityName", "ActivityRunStart": "activityRunStart", "ActivityRunEnd": "activityRunEnd", "Status": "status"},
		start:    "activityRunStart", updated: "activityRunEnd",
	}
	triggerRunQuery = querySpec{
		operands: map[string]string{"TriggerName": "triggerName", "TriggerRunTimestamp": "triggerRunTimestamp", "Status": "status"},
		orders:   map[string]string{"TriggerName": "triggerName", "TriggerRunTimestamp": "triggerRunTimestamp", "Status": "status"},
		start:    "triggerRunTimestamp", updated: "triggerRunTimestamp",
	}
)

// pageSize is the number of records of a page. Azure's is not known
// [ADF-REST 5].
const pageSize = 100

type filter struct {
	operand, operator string
	values            []string
}

type query struct {
	spec          querySpec
	after, before time.Time
	filters       []filter
	order         []struct {
		member string
		desc   bool
	}
	offset int
}

func readQuery(o *value.Object, spec querySpec) (*query, error) {
	q := &query{spec: spec}
	var err error
	if q.after, err = readTime(o, "lastUpdatedAfter"); err != nil {
		return nil, err
	}
	if q.before, err = readTime(o, "lastUpdatedBefore"); err != nil {
		return nil, err
	}
	if v, ok := o.Lookup("continuationToken"); ok && v != nil && v != "" {
		s, _ := v.(string)
		if q.offset, err = strconv.Atoi(s); err != nil || q.offset < 0 {
			return nil, arm.BadRequest("continuationToken is not one that was handed out")
		}
	}
	filters, err := objects(o, "filters")
	if err != nil {
		return nil, err
	}
	for _, f := range filters {
		operand, operator := member(f, "operand"), member(f, "operator")
		if _, ok := spec.operands[operand]; !ok {
			return nil, arm.BadRequest("filter operand '%s' is not allowed for this query", operand)
		}
		if !slices.Contains([]string{"Equals", "NotEquals", "In", "NotIn"}, operator) {
			return nil, arm.BadRequest("filter operator '%s' is not Equals, NotEquals, In or NotIn", operator)
		}
		v, _ := f.Lookup("values")
		list, ok := v.(value.Array)
		if !ok || len(list) == 0 {
			return nil, arm.BadRequest("filter on %s: values should be a list of texts", operand)
		}
		x := filter{operand: operand, operator: operator}
		for _, v := range list {
			x.values = append(x.values, value.Text(v))
		}
		q.filters = append(q.filters, x)
	}
	orders, err := objects(o, "orderBy")
	if err != nil {
		return nil, err
	}
	for _, x := range orders {
		m, ok := spec.orders[member(x, "orderBy")]
		dir := member(x, "order")
		if !ok || dir != "ASC" && dir != "DESC" {
			return nil, arm.BadRequest("orderBy '%s' '%s' is not allowed for this query", member(x, "orderBy"), dir)
		}
		q.order = append(q.order, struct {
			member string
			desc   bool
		}{m, dir == "DESC"})
	}
	return q, nil
}

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

func member(o *value.Object, name string) string {
	v, _ := o.Lookup(name)
	return value.Text(v)
}

// value reads what an operand compares: invokedBy by its name, a Boolean in
// JSON's spelling, everything else as text.
func (q *query) value(o *value.Object, operand string) string {
	v, _ := o.Lookup(q.spec.operands[operand])
	switch v := v.(type) {
	case *value.Object:
		return member(v, "name")
	case bool:
		return strconv.FormatBool(v)
	default:
		return value.Text(v)
	}
}

func (q *query) matches(o *value.Object) bool {
	updated := member(o, q.spec.updated)
	if updated == "" {
		updated = member(o, q.spec.start) // still running
	}
	if t, err := time.Parse(time.RFC3339Nano, updated); err == nil && (t.Before(q.after) || t.After(q.before)) {
		return false
	}
	for _, f := range q.filters {
		if f.operand == "LatestOnly" && f.values[0] != "true" {
			continue
		}
		found := slices.Contains(f.values, q.value(o, f.operand))
		if found == strings.HasPrefix(f.operator, "Not") {
			return false
		}
	}
	return true
}

// answer filters, orders and pages. The default order is by start, the oldest
// first.
func (q *query) answer(all []*value.Object) *value.Object {
	var kept []*value.Object
	for _, o := range all {
		if q.matches(o) {
			kept = append(kept, o)
		}
	}
	slices.SortStableFunc(kept, func(a, b *value.Object) int {
		for _, by := range q.order {
			if c := strings.Compare(member(a, by.member), member(b, by.member)); c != 0 {
				if by.desc {
					return -c
				}
				return c
			}
		}
		if len(q.order) > 0 {
			return 0
		}
		return strings.Compare(member(a, q.spec.start), member(b, q.spec.start))
	})
	out := value.Array{}
	from, to := min(q.offset, len(kept)), min(q.offset+pageSize, len(kept))
	for _, o := range kept[from:to] {
		out = append(out, o)
	}
	answer := value.NewObject(value.Member{Name: "value", Value: out})
	if to < len(kept) {
		answer.Set("continuationToken", strconv.Itoa(to))
	}
	return answer
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
