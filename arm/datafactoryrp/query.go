package datafactoryrp

import (
	"encoding/base64"
	"slices"
	"strconv"
	"strings"
	"time"

	"switchyard/arm"
	"switchyard/pipeline/engine"
	"switchyard/value"
)

// A querySpec is what one of the queries [ADF-REST 5] may name, with what of a
// record each name means, as text: times as the records show them, what is not
// there is "".
type querySpec[T any] struct {
	name     string // as the action is spelled
	operands map[string]func(T) string
	orders   map[string]func(T) string
	// many are operands that have several values, of which one has to match: Azure has
	// none.
	many  map[string]func(T) []string
	times []string // the operands that are times: however one is written, it is that time
	start string   // the order that counts when none is asked for, the oldest first
}

var pipelineRunQuery = querySpec[*engine.PipelineRun]{
	name: "queryPipelineRuns",
	operands: map[string]func(*engine.PipelineRun) string{
		"PipelineName":    func(p *engine.PipelineRun) string { return p.Pipeline },
		"RunStart":        func(p *engine.PipelineRun) string { return value.Timestamp(p.Start) },
		"RunEnd":          runEnd,
		"Status":          func(p *engine.PipelineRun) string { return p.Status.String() },
		"RunGroupId":      func(p *engine.PipelineRun) string { return p.GroupID },
		"LatestOnly":      func(p *engine.PipelineRun) string { return strconv.FormatBool(!p.Superseded) },
		"TriggeredByName": func(p *engine.PipelineRun) string { return p.InvokedBy.Name },
	},
	orders: map[string]func(*engine.PipelineRun) string{
		"PipelineName": func(p *engine.PipelineRun) string { return p.Pipeline },
		"RunStart":     func(p *engine.PipelineRun) string { return value.Timestamp(p.Start) },
		"RunEnd":       runEnd,
		"Status":       func(p *engine.PipelineRun) string { return p.Status.String() },
	},
	many:  map[string]func(*engine.PipelineRun) []string{"MessageId": messageIDs},
	times: []string{"RunStart", "RunEnd"},
	start: "RunStart",
}

// messageIDs are the ids of the messages that started a run.
func messageIDs(p *engine.PipelineRun) (ids []string) {
	outputs, _ := p.Whole().TriggerOutputs.(*value.Object)
	v, _ := outputs.Lookup("body")
	body, _ := v.(*value.Object)
	v, _ = body.Lookup("messages")
	list, _ := v.(value.Array)
	for _, x := range list {
		if m, ok := x.(*value.Object); ok {
			ids = append(ids, member(m, "messageId"))
		}
	}
	return ids
}

func runEnd(p *engine.PipelineRun) string {
	if p.End.IsZero() {
		return ""
	}
	return value.Timestamp(p.End)
}

var activityRunQuery = querySpec[*value.Object]{
	name: "queryActivityruns",
	operands: map[string]func(*value.Object) string{
		"ActivityName":     of("activityName"),
		"ActivityRunStart": of("activityRunStart"),
		"ActivityRunEnd":   of("activityRunEnd"),
		"ActivityType":     of("activityType"),
		"Status":           of("status"),
	},
	orders: map[string]func(*value.Object) string{
		"ActivityName":     of("activityName"),
		"ActivityRunStart": of("activityRunStart"),
		"ActivityRunEnd":   of("activityRunEnd"),
		"Status":           of("status"),
	},
	times: []string{"ActivityRunStart", "ActivityRunEnd"},
	start: "ActivityRunStart",
}

func of(name string) func(*value.Object) string {
	return func(o *value.Object) string { return member(o, name) }
}

// pageSize is the number of records of a page. No text of the specification has it.
const pageSize = 100

type filter[T any] struct {
	operand, operator string
	values            []string
	of                func(T) []string
}

type order[T any] struct {
	by   string
	desc bool
	of   func(T) string
}

type query[T any] struct {
	after, before time.Time // bounds of the last change, inclusive
	filters       []filter[T]
	order         []order[T]
	token         string // where the page begins; "": the first one
}

// valuesOf returns what an operand means, nil if the query may not name it.
func (s *querySpec[T]) valuesOf(operand string) func(T) []string {
	if of := s.operands[operand]; of != nil {
		return func(x T) []string { return []string{of(x)} }
	}
	return s.many[operand]
}

func member(o *value.Object, name string) string {
	v, _ := o.Lookup(name)
	return value.Text(v)
}

// matches looks at the filters only.
func (q *query[T]) matches(x T) bool {
	for _, f := range q.filters {
		found := slices.ContainsFunc(f.of(x), func(v string) bool { return slices.Contains(f.values, v) })
		if found == strings.HasPrefix(f.operator, "Not") {
			return false
		}
	}
	return true
}

// page orders records and returns those of the page with the token of the next
// one, "" after the last. A token counts records.
func (q *query[T]) page(all []T) (page []T, next string, err error) {
	from := 0
	if q.token != "" {
		if from, err = strconv.Atoi(q.token); err != nil || from < 0 {
			return nil, "", badToken()
		}
	}
	slices.SortStableFunc(all, func(a, b T) int {
		for _, by := range q.order {
			if c := strings.Compare(by.of(a), by.of(b)); c != 0 {
				if by.desc {
					return -c
				}
				return c
			}
		}
		return 0
	})
	from, to := min(from, len(all)), min(from+pageSize, len(all))
	if to < len(all) {
		next = strconv.Itoa(to)
	}
	return all[from:to], next, nil
}

// behind is the token of what follows the first n of the page.
func (q *query[T]) behind(n int) string {
	from, _ := strconv.Atoi(q.token) // page has read it
	return strconv.Itoa(from + n)
}

// answer is what a query answers with.
func answer(page []*value.Object, next string) *arm.Response {
	list := make(value.Array, 0, len(page))
	for _, o := range page {
		list = append(list, o)
	}
	o := value.NewObject(value.Member{Name: "value", Value: list})
	if next != "" {
		o.Set("continuationToken", next)
	}
	return arm.OK(o)
}

// queryRuns answers a query for runs of a factory. In the order of their starts, a
// page costs what it shows and what it passes over; in another one all runs that
// match are read. The function that it returns gives the token of what follows the first
// n of the page, "" after the last.
func (p *Provider) queryRuns(q *query[*engine.PipelineRun], start, factory string) (
	page []*engine.PipelineRun, behind func(n int) string, err error) {
	ask := engine.Query{Factory: factory, After: q.after, Before: q.before, Where: q.matches}
	if !q.inOrderOf(start) {
		all, _, err := p.runs.Query(ask)
		if err != nil {
			return nil, nil, err
		}
		page, next, err := q.page(all)
		return page, func(n int) string {
			if n < len(page) {
				return q.behind(n)
			}
			return next
		}, err
	}
	ask.NewestFirst, ask.Limit = q.order[0].desc, pageSize
	if q.token != "" {
		if ask.Behind, err = parsePlace(q.token); err != nil {
			return nil, nil, err
		}
	}
	page, more, err := p.runs.Query(ask)
	return page, func(n int) string {
		if n < len(page) || more {
			return placeToken(page[n-1].Place())
		}
		return ""
	}, err
}

// inOrderOf reports whether the records are asked for in one order only.
func (q *query[T]) inOrderOf(by string) bool { return len(q.order) == 1 && q.order[0].by == by }

// placeToken names a run and its start, so that what ends or is deleted between
// two pages moves nothing.
func placeToken(at *engine.Place) string {
	return base64.RawURLEncoding.EncodeToString([]byte(at.Start.UTC().Format(time.RFC3339Nano) + " " + at.ID))
}

func parsePlace(token string) (*engine.Place, error) {
	b, err := base64.RawURLEncoding.DecodeString(token)
	start, id, ok := strings.Cut(string(b), " ")
	at, timeErr := time.Parse(time.RFC3339Nano, start)
	if err != nil || !ok || timeErr != nil {
		return nil, badToken()
	}
	return &engine.Place{Start: at, ID: id}, nil
}
