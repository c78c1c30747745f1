package engine

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Query is the body of queryPipelineRuns and queryActivityruns, section 5 of
// the REST specification.
type Query struct {
	// LastUpdatedAfter and LastUpdatedBefore are inclusive bounds; zero is none.
	LastUpdatedAfter, LastUpdatedBefore time.Time
	Filters                             []Filter
	OrderBy                             []Order
	ContinuationToken                   string // "" for the first page
}

// Filter is one condition of a [Query]; all must hold.
type Filter struct {
	Operand  string
	Operator string // Equals, NotEquals, In, NotIn
	Values   []string
}

// Order is one key of the order of the result.
type Order struct {
	OrderBy    string
	Descending bool
}

// QueryError reports a query that the REST API answers with 400.
type QueryError struct{ Message string }

func (e *QueryError) Error() string { return e.Message }

// pageSize is how many records a page has.
const pageSize = 100

func (q *Query) check(operands, orders []string) error {
	for _, f := range q.Filters {
		if !slices.Contains(operands, f.Operand) {
			return &QueryError{fmt.Sprintf("The filter operand '%s' is not supported; supported are %s.", f.Operand, strings.Join(operands, ", "))}
		}
		switch f.Operator {
		case "Equals", "NotEquals":
			if len(f.Values) != 1 {
				return &QueryError{fmt.Sprintf("The filter operator '%s' takes one value, not %d.", f.Operator, len(f.Values))}
			}
		case "In", "NotIn":
		default:
			return &QueryError{fmt.Sprintf("The filter operator '%s' is not supported; supported are Equals, NotEquals, In, NotIn.", f.Operator)}
		}
	}
	for _, o := range q.OrderBy {
		if !slices.Contains(orders, o.OrderBy) {
			return &QueryError{fmt.Sprintf("The result can't be ordered by '%s'; supported are %s.", o.OrderBy, strings.Join(orders, ", "))}
		}
	}
	return nil
}

func (q *Query) updated(at time.Time) bool {
	return (q.LastUpdatedAfter.IsZero() || !at.Before(q.LastUpdatedAfter)) &&
		(q.LastUpdatedBefore.IsZero() || !at.After(q.LastUpdatedBefore))
}

// matches applies the filters. Equals compares exactly; times compare as times.
func (q *Query) matches(operand func(name string) string) bool {
	for _, f := range q.Filters {
		if f.Operand == "LatestOnly" && slices.Equal(f.Values, []string{"false"}) {
			continue
		}
		have := operand(f.Operand)
		isTime := strings.HasSuffix(f.Operand, "Start") || strings.HasSuffix(f.Operand, "End")
		found := slices.ContainsFunc(f.Values, func(v string) bool {
			if isTime {
				if t, err := time.Parse(time.RFC3339Nano, v); err == nil {
					v = formatTime(t)
				}
			}
			return v == have
		})
		if found == (f.Operator == "NotEquals" || f.Operator == "NotIn") {
			return false
		}
	}
	return true
}

// sort orders n records that are in their default order.
func (q *Query) sort(n int, key func(i int, name string) string, apply func(order []int)) {
	if len(q.OrderBy) == 0 {
		return
	}
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		for _, o := range q.OrderBy {
			c := strings.Compare(key(a, o.OrderBy), key(b, o.OrderBy))
			if o.Descending {
				c = -c
			}
			if c != 0 {
				return c
			}
		}
		return 0
	})
	apply(order)
}

func permute[T any](all []T, order []int) []T {
	out := make([]T, len(all))
	for i, from := range order {
		out[i] = all[from]
	}
	return out
}

// page cuts a page out of a result. The token is the number of records before.
func page[T any](all []T, token string) ([]T, string, error) {
	from := 0
	if token != "" {
		n, err := strconv.Atoi(token)
		if err != nil || n < 0 {
			return nil, "", &QueryError{"The continuation token is invalid."}
		}
		from = min(n, len(all))
	}
	to := min(from+pageSize, len(all))
	if to == len(all) {
		return all[from:], "", nil
	}
	return all[from:to], strconv.Itoa(to), nil
}

var (
	runOperands = []string{"PipelineName", "RunStart", "RunEnd", "Status", "RunGroupId", "LatestOnly", "TriggeredByName"}
	runOrders   = []string{"PipelineName", "RunStart", "RunEnd", "Status"}
)

// QueryPipelineRuns selects runs of a factory, oldest first unless the query
// says otherwise, a page of 100 at a time. The token is for the next page, empty
// after the last. Errors of the query are a [*QueryError].
func (e *Engine) QueryPipelineRuns(factory string, q Query) (runs []*PipelineRun, token string, err error) {
	if err := q.check(runOperands, runOrders); err != nil {
		return nil, "", err
	}
	err = e.Runs(func(p *PipelineRun) bool {
		if strings.EqualFold(p.Factory, factory) && q.updated(p.LastUpdated) && q.matches(p.operand) {
			runs = append(runs, p)
		}
		return true
	})
	if err != nil {
		return nil, "", err
	}
	slices.Reverse(runs)
	q.sort(len(runs), func(i int, name string) string { return runs[i].operand(name) },
		func(order []int) { runs = permute(runs, order) })
	return page(runs, q.ContinuationToken)
}

// Runs calls f for the record of every run, newest first, until f returns false.
func (e *Engine) Runs(f func(*PipelineRun) bool) error {
	return e.o.History.Runs(func(rec RunRecord) (bool, error) {
		if r := e.find(rec.ID); r != nil {
			return f(r.view.Load()), nil
		}
		p, err := e.fromRecord(rec)
		if err != nil {
			return false, fmt.Errorf("run %s: %w", rec.ID, err)
		}
		return f(p), nil
	})
}

func (p *PipelineRun) operand(name string) string {
	switch name {
	case "PipelineName":
		return p.Pipeline
	case "RunStart":
		return formatTime(p.Start)
	case "RunEnd":
		return textOrEmpty(p.End)
	case "Status":
		return string(p.Status)
	case "RunGroupId":
		return p.RunID
	case "LatestOnly":
		return "true"
	case "TriggeredByName":
		return p.InvokedBy.Name
	}
	return ""
}
