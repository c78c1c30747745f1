package client

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"switchyard/value"
)

// A manager is a resource manager of the given factories, with three pages of runs.
type manager struct {
	*testing.T
	factories []string
	asked     []string // method, path and body of each request
}

const factoriesPath = "/subscriptions/sub/providers/Microsoft.DataFactory/factories"

func (m *manager) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		m.Error(err)
	}
	m.asked = append(m.asked, r.Method+" "+r.URL.Path+" "+string(body))
	if got := r.Header.Get("Authorization"); got != "Bearer token" {
		m.Errorf("Authorization: %q", got)
	}
	if got := r.URL.Query().Get("api-version"); got != "2018-06-01" {
		m.Errorf("api-version: %q", got)
	}
	page := 0
	if i := strings.Index(string(body), `"continuationToken":"page `); i >= 0 {
		fmt.Sscanf(string(body)[i:], `"continuationToken":"page %d"`, &page)
	}
	switch path := r.URL.Path; {
	case path == factoriesPath:
		var list []string
		for _, f := range m.factories {
			list = append(list, fmt.Sprintf(`{"name":%q,"id":"/factories/%s"}`, f, f))
		}
		fmt.Fprintf(w, `{"value":[%s]}`, strings.Join(list, ","))
	case strings.HasSuffix(path, "/queryPipelineRuns"), strings.HasSuffix(path, "/queryActivityruns"):
		next := ""
		if page < 2 {
			next = fmt.Sprintf(`,"continuationToken":"page %d"`, page+1)
		}
		fmt.Fprintf(w, `{"value":[{"n":%d},{"n":%d}]%s}`, 2*page, 2*page+1, next)
	case strings.HasSuffix(path, "/pipelineruns/known"):
		fmt.Fprint(w, `{"runId":"known"}`)
	case strings.HasSuffix(path, "/pipelineruns/odd"):
		fmt.Fprint(w, `busy`)
	case strings.HasSuffix(path, "/pipelineruns/broken"):
		w.WriteHeader(http.StatusInternalServerError)
		fmt.Fprint(w, `{}`)
	default:
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, `{"error":{"code":"NotFound","message":"there is no such run"}}`)
	}
}

func newManager(t *testing.T, factories ...string) (*manager, Endpoints) {
	m := &manager{T: t, factories: factories}
	s := httptest.NewServer(m)
	t.Cleanup(s.Close)
	return m, Endpoints{HTTP: s.URL, SubscriptionID: "sub", Token: "token"}
}

func numbers(list value.Array) (ns []string) {
	for _, x := range list {
		ns = append(ns, str(x.(*value.Object), "n"))
	}
	return ns
}

// TestLast: as many runs as asked for, over as many pages as they need.
func TestLast(t *testing.T) {
	for n, want := range map[int][]string{
		1: {"0"}, 2: {"0", "1"}, 3: {"0", "1", "2"}, 6: {"0", "1", "2", "3", "4", "5"}, 100: {"0", "1", "2", "3", "4", "5"},
	} {
		m, e := newManager(t, "only")
		list, more, err := NewRuns(Server{Endpoints: e}, "").Last(t.Context(), RunFilter{}, n)
		if got := numbers(list); err != nil || !slices.Equal(got, want) || more != (n < 6) {
			t.Errorf("the last %d: %v, %v, want %v", n, got, err, want)
		}
		if pages := min((n+1)/2, 3); len(m.asked) != 1+pages {
			t.Errorf("the last %d took %d requests, want one for the factory and %d: %q", n, len(m.asked), pages, m.asked)
		}
		if !strings.Contains(m.asked[1], `"orderBy":"RunStart","order":"DESC"`) {
			t.Errorf("asked %s, want the newest first", m.asked[1])
		}
	}
}

// TestRun: a run with all its activities; the factory is looked for once.
func TestRun(t *testing.T) {
	m, e := newManager(t, "one", "Two")
	runs := NewRuns(Server{Endpoints: e}, "TWO")
	run, activities, err := runs.Run(t.Context(), "known")
	if err != nil || str(run, "runId") != "known" || len(activities) != 6 {
		t.Fatalf("run %v with %d activities, %v", run, len(activities), err)
	}
	if want := "GET /factories/Two/pipelineruns/known "; m.asked[1] != want {
		t.Errorf("asked %q, want %q", m.asked[1], want)
	}
	before := len(m.asked)
	for id, want := range map[string]string{
		"unknown": "there is no such run", "odd": "is no Switchyard of this version (status 200)", "broken": "(status 500)", "a/b?c": "there is no such run",
	} {
		if _, _, err := runs.Run(t.Context(), id); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("run %s: error %v, want %q", id, err, want)
		}
	}
	if n := len(m.asked) - before; n != 4 {
		t.Errorf("%d requests for 4 runs", n)
	}
}

// TestChanged: attempts are asked for from a time on, on every page.
func TestChanged(t *testing.T) {
	m, e := newManager(t, "only")
	since := time.Date(2026, 3, 1, 13, 0, 0, 5, time.FixedZone("", 3600))
	run, activities, err := NewRuns(Server{Endpoints: e}, "").Changed(t.Context(), "known", since)
	if err != nil || str(run, "runId") != "known" || len(activities) != 6 {
		t.Fatalf("run %v with %d activities, %v", run, len(activities), err)
	}
	if len(m.asked) != 5 {
		t.Fatalf("asked %q, want for the factory, the run and three pages", m.asked)
	}
	for _, asked := range m.asked[2:] {
		if !strings.Contains(asked, `{"lastUpdatedAfter":"2026-03-01T12:00:00.000000005Z","lastUpdatedBefore":"9999-12-31T00:00:00Z"`) {
			t.Errorf("asked %s", asked)
		}
	}
}

// TestFactoryIsNamed: which factory is asked, or why none.
func TestFactoryIsNamed(t *testing.T) {
	for _, c := range []struct {
		there []string
		name  string
		want  string // of the error
	}{
		{[]string{"one"}, "", ""},
		{[]string{"one", "two"}, "two", ""},
		{nil, "", "no data factory is deployed"},
		{nil, "one", "no data factory is deployed"},
		{[]string{"one", "two"}, "", "name a data factory with --factory; deployed are: one, two"},
		{[]string{"one", "two"}, "three", `data factory "three" is not deployed; deployed are: one, two`},
	} {
		_, e := newManager(t, c.there...)
		_, _, err := NewRuns(Server{Endpoints: e}, c.name).Last(t.Context(), RunFilter{}, 1)
		if (err == nil) != (c.want == "") || err != nil && err.Error() != c.want {
			t.Errorf("factory %q of %q: error %v, want %q", c.name, c.there, err, c.want)
		}
	}
}

// TestNobodyAnswers: the file of a Switchyard that was killed.
func TestNobodyAnswers(t *testing.T) {
	s := httptest.NewServer(nil)
	s.Close()
	_, _, err := NewRuns(Server{Endpoints: Endpoints{HTTP: s.URL}}, "").Last(t.Context(), RunFilter{}, 1)
	if err == nil || !strings.Contains(err.Error(), "nothing answers at "+s.URL+", which endpoints.json names") {
		t.Errorf("error %v", err)
	}
}
