package datafactoryrp

import (
	"errors"
	"io"
	"net/http"
	"path"
	"regexp"
	"strings"

	"switchyard/arm"
	"switchyard/expr"
	"switchyard/pipeline/factory"
)

// maxBody is how much of a request [Handler] reads.
const maxBody = 4 << 20

// apiVersion is the form of an api-version; any is served.
var apiVersion = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}(-preview)?$`)

// Handler answers for runs alone, where there is no resource manager: the
// requests of section 5 to a factory of whatever subscription and group.
func Handler(runs Runs) http.Handler {
	p := &Provider{runs: runs}
	return http.HandlerFunc(func(w http.ResponseWriter, hr *http.Request) {
		resp, err := p.serveRuns(hr)
		if err != nil {
			var e *arm.Error
			if !errors.As(runsError(err), &e) {
				e = arm.Errorf(http.StatusInternalServerError, "InternalServerError", "%v", err)
			}
			resp = &arm.Response{Status: e.Status, Body: e.Envelope()}
		}
		if resp.Body == nil {
			w.WriteHeader(resp.Status)
			return
		}
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		w.WriteHeader(resp.Status)
		w.Write(expr.AppendJSON(nil, resp.Body)) // a client that is gone is no news
	})
}

func (p *Provider) serveRuns(hr *http.Request) (*arm.Response, error) {
	r := &arm.Request{Method: hr.Method, Query: hr.URL.Query(), Header: hr.Header}
	at := hr.URL.EscapedPath()
	var err error
	if r.ID, err = arm.ParseID(at); err != nil {
		var dir string
		dir, r.Action = path.Split(strings.TrimRight(at, "/"))
		r.Action = strings.ToLower(r.Action)
		r.ID, err = arm.ParseID(dir)
	}
	if err != nil || !strings.EqualFold(r.ID.Provider, Namespace) || len(r.ID.Types) == 0 || !strings.EqualFold(r.ID.Types[0], "factories") {
		return nil, arm.NotSupported("%s %s is not supported by this version of Switchyard.", hr.Method, hr.URL.Path)
	}
	switch v := r.Param("api-version"); {
	case v == "":
		return nil, arm.Errorf(http.StatusBadRequest, "MissingApiVersionParameter", "The api-version query parameter (?api-version=) is required for all requests.")
	case !apiVersion.MatchString(v):
		return nil, arm.Errorf(http.StatusBadRequest, "InvalidApiVersionParameter", "The api-version '%s' is invalid.", v)
	}
	if r.RawBody, err = io.ReadAll(io.LimitReader(hr.Body, maxBody+1)); err != nil {
		return nil, arm.InvalidContent("The request content could not be read: %v.", err)
	}
	if len(r.RawBody) > maxBody {
		return nil, arm.Errorf(http.StatusRequestEntityTooLarge, "RequestEntityTooLarge", "The request entity is too large: the limit is %d bytes.", maxBody)
	}
	if strings.TrimSpace(string(r.RawBody)) != "" {
		v, err := expr.ParseJSON(r.RawBody)
		o, ok := v.(*expr.Object)
		if err != nil || !ok {
			return nil, arm.InvalidContent("The request content was invalid and could not be deserialized: it must be a JSON object.")
		}
		r.Body = o
	}
	switch {
	case len(r.ID.Types) == 1 && (r.Action == "querypipelineruns" || r.Action == "querytriggerruns"):
		return p.factoryAction(hr.Context(), r)
	case len(r.ID.Types) == 2 && strings.EqualFold(r.ID.Types[1], "pipelines") && r.Action == "createrun":
		return p.createRun(hr.Context(), r)
	case len(r.ID.Types) == 2 && strings.EqualFold(r.ID.Types[1], "pipelineruns"):
		return p.pipelineRun(hr.Context(), r)
	}
	return nil, refused(r)
}

// of returns the factory that a request is about; of whichever is asked for if
// no resource manager keeps them.
func (p *Provider) of(r *arm.Request) (factory.ID, error) {
	id := factoryID(r)
	if p.factories == nil {
		return id, nil
	}
	f, err := p.factories.Get(id)
	if err != nil {
		return id, err
	}
	return f.ID, nil
}
