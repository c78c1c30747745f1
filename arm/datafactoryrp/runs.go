// Package datafactoryrp is the Microsoft.DataFactory resource provider: the HTTP
// interface of data factories, as section 3 of the Data Factory REST
// specification lists it. This version has what monitors and starts runs:
// createRun, pipeline runs and their cancellation, activity runs and the queries
// of both. Everything else answers 501 and names itself.
package datafactoryrp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"time"

	"switchyard/expr"
)

// Runs is what the provider needs of the factories that run here. Errors that
// wrap [ErrNotFound] or [ErrBadRequest] keep their meaning; others are internal.
type Runs interface {
	// CreateRun starts a run and returns its id once it is durable.
	CreateRun(ctx context.Context, factory, pipeline string, parameters *expr.Object) (string, error)
	// PipelineRun returns a run in the shape of section 5.
	PipelineRun(factory, id string) (*expr.Object, error)
	// PipelineRuns calls f with the runs of a factory, the newest first, until f
	// returns false.
	PipelineRuns(factory string, f func(*expr.Object) bool) error
	// ActivityRuns returns the activity runs of a run, in the order of their start.
	ActivityRuns(factory, id string) (expr.Array, error)
	Cancel(factory, id string, recursive bool) error
}

// Errors that a [Runs] gives a meaning with.
var (
	ErrNotFound   = errors.New("not found")
	ErrBadRequest = errors.New("bad request")
)

// Handler answers requests below
// /subscriptions/{s}/resourceGroups/{g}/providers/Microsoft.DataFactory/factories/{f}.
func Handler(runs Runs) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		status, body, err := route(runs, r)
		if err != nil {
			status, body = envelope(err)
		}
		if body == nil {
			w.WriteHeader(status)
			return
		}
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		w.WriteHeader(status)
		w.Write(expr.AppendJSON(nil, body))
	})
}

// httpError is an error that already has its status and code (section 2).
type httpError struct {
	status        int
	code, message string
}

func (e *httpError) Error() string { return e.code + ": " + e.message }

func badRequest(format string, a ...any) error {
	return &httpError{http.StatusBadRequest, "BadRequest", fmt.Sprintf(format, a...)}
}

func envelope(err error) (int, *expr.Object) {
	var h *httpError
	switch {
	case errors.As(err, &h):
	case errors.Is(err, ErrNotFound):
		h = &httpError{http.StatusNotFound, "NotFound", err.Error()}
	case errors.Is(err, ErrBadRequest):
		h = &httpError{http.StatusBadRequest, "BadRequest", err.Error()}
	default:
		h = &httpError{http.StatusInternalServerError, "InternalError", err.Error()}
	}
	return h.status, expr.NewObject(expr.Member{Name: "error", Value: expr.NewObject(
		expr.Member{Name: "code", Value: h.code}, expr.Member{Name: "message", Value: h.message})})
}

// apiVersion is the form of an api-version; any is served.
var apiVersion = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}(-preview)?$`)

// maxBody is how much of a request is read. Parameters of a run are at most
// 896 KB in Azure (section 8 of the engine specification).
const maxBody = 4 << 20

func route(runs Runs, r *http.Request) (int, expr.Value, error) {
	segs := strings.FieldsFunc(r.URL.Path, func(c rune) bool { return c == '/' })
	// subscriptions/S/resourceGroups/G/providers/Microsoft.DataFactory/factories/F/…
	if len(segs) < 8 || !strings.EqualFold(segs[2], "resourceGroups") || !strings.EqualFold(segs[4], "providers") ||
		!strings.EqualFold(segs[5], "Microsoft.DataFactory") || !strings.EqualFold(segs[6], "factories") {
		return 0, nil, &httpError{http.StatusNotImplemented, "NotImplemented", fmt.Sprintf("%s %s is not supported by this version", r.Method, r.URL.Path)}
	}
	switch v := r.URL.Query().Get("api-version"); {
	case v == "":
		return 0, nil, &httpError{http.StatusBadRequest, "MissingApiVersionParameter", "The api-version query parameter (?api-version=) is required for all requests."}
	case !apiVersion.MatchString(v):
		return 0, nil, &httpError{http.StatusBadRequest, "InvalidApiVersionParameter", fmt.Sprintf("The api-version '%s' is invalid.", v)}
	}
	factory, rest := segs[7], segs[8:]
	is := func(method string, pattern ...string) bool {
		return r.Method == method && len(rest) == len(pattern) && match(rest, pattern)
	}
	switch {
	case is("POST", "pipelines", "*", "createRun"):
		for _, p := range []string{"referencePipelineRunId", "isRecovery", "startActivityName", "startFromFailure"} {
			if r.URL.Query().Has(p) {
				return 0, nil, &httpError{http.StatusNotImplemented, "NotImplemented", "createRun with " + p + " is not supported by this version"}
			}
		}
		params, err := readObject(r, true)
		if err != nil {
			return 0, nil, err
		}
		id, err := runs.CreateRun(r.Context(), factory, rest[1], params)
		if err != nil {
			return 0, nil, err
		}
		return http.StatusOK, expr.NewObject(expr.Member{Name: "runId", Value: id}), nil
	case is("GET", "pipelineruns", "*"):
		run, err := runs.PipelineRun(factory, rest[1])
		return http.StatusOK, run, err
	case is("POST", "pipelineruns", "*", "cancel"):
		recursive := strings.EqualFold(r.URL.Query().Get("isRecursive"), "true")
		return http.StatusOK, nil, runs.Cancel(factory, rest[1], recursive)
	case is("POST", "queryPipelineRuns"):
		q, err := readQuery(r, pipelineRunQuery)
		if err != nil {
			return 0, nil, err
		}
		var all []*expr.Object
		if err := runs.PipelineRuns(factory, func(o *expr.Object) bool { all = append(all, o); return true }); err != nil {
			return 0, nil, err
		}
		return http.StatusOK, q.answer(all), nil
	case is("POST", "pipelineruns", "*", "queryActivityruns"):
		q, err := readQuery(r, activityRunQuery)
		if err != nil {
			return 0, nil, err
		}
		list, err := runs.ActivityRuns(factory, rest[1])
		if err != nil {
			return 0, nil, err
		}
		all := make([]*expr.Object, 0, len(list))
		for _, v := range list {
			if o, ok := v.(*expr.Object); ok {
				all = append(all, o)
			}
		}
		return http.StatusOK, q.answer(all), nil
	}
	return 0, nil, &httpError{http.StatusNotImplemented, "NotImplemented", fmt.Sprintf("%s %s of a data factory is not supported by this version", r.Method, strings.Join(rest, "/"))}
}

// match compares path segments, literal ones ignoring case (section 1).
func match(segs, pattern []string) bool {
	for i, p := range pattern {
		if p != "*" && !strings.EqualFold(p, segs[i]) {
			return false
		}
	}
	return true
}

func readObject(r *http.Request, mayBeEmpty bool) (*expr.Object, error) {
	b, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if err != nil {
		return nil, badRequest("the request body can't be read: %v", err)
	}
	if len(b) > maxBody {
		return nil, &httpError{http.StatusRequestEntityTooLarge, "RequestEntityTooLarge", fmt.Sprintf("the request body is larger than %d bytes", maxBody)}
	}
	if mayBeEmpty && strings.TrimSpace(string(b)) == "" {
		return expr.NewObject(), nil
	}
	v, err := expr.ParseJSON(b)
	if err != nil {
		return nil, badRequest("the request body is not JSON: %v", err)
	}
	o, ok := v.(*expr.Object)
	if !ok {
		return nil, badRequest("the request body should be a JSON object")
	}
	return o, nil
}

// readTime reads a required date-time of a query.
func readTime(o *expr.Object, name string) (time.Time, error) {
	v, _ := o.Lookup(name)
	s, ok := v.(string)
	if !ok {
		return time.Time{}, badRequest("%s is required", name)
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return time.Time{}, badRequest("%s: %q is not an ISO 8601 date-time with offset", name, s)
	}
	return t, nil
}
