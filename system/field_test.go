package system

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"

	"switchyard/trial"
	"switchyard/value"
)

// fieldVector is a case of pipelines-field.json: what people who work with Data Factory have
// published, with what they got.
type fieldVector struct {
	Name, Run  string
	Pipelines  map[string]json.RawMessage
	Parameters json.RawMessage
	Web        map[string]json.RawMessage // "GET /path": an answer, or several one after the other
	Want       struct {
		Status     string
		Activities map[string]string // of the last attempt
		Counts     map[string]int
		Outputs    map[string]map[string]json.RawMessage
		Errors     map[string]struct{ ErrorCode, Message string }
		Refused    bool
	}
}

// fieldAnswer is what the endpoint of a vector answers.
type fieldAnswer struct {
	Status  int
	Headers map[string]string
	Body    json.RawMessage
	Echo    bool // with method, body and headers of the request
}

func TestFieldVectors(t *testing.T) {
	data, err := os.ReadFile("testdata/pipelines-field.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []fieldVector
	if err := json.Unmarshal(data, &vectors); err != nil {
		t.Fatal(err)
	}
	if len(vectors) != 21 {
		t.Fatalf("%d vectors, want 21", len(vectors))
	}
	for _, v := range vectors {
		t.Run(v.Name, func(t *testing.T) {
			t.Parallel()
			v.test(t)
		})
	}
}

func (v *fieldVector) test(t *testing.T) {
	web := httptest.NewServer(v.endpoint(t))
	defer web.Close()
	here := func(text json.RawMessage) string { return strings.ReplaceAll(string(text), "http://WEB", web.URL) }
	files := map[string]string{}
	for name, properties := range v.Pipelines {
		files["pipeline/"+name+".json"] = `{"name":"` + name + `","properties":` + here(properties) + `}`
	}
	o := RunOnceOptions{Deployment: folder(t, files), Once: trial.Once{Pipeline: v.Run}, VirtualTime: true}
	if v.Parameters != nil {
		p, err := value.Parse([]byte(here(v.Parameters)))
		if err != nil {
			t.Fatal(err)
		}
		o.Parameters = p.(*value.Object)
	}
	r, err := RunOnce(t.Context(), o)
	if v.Want.Refused || err != nil {
		if v.Want.Refused != (err != nil) {
			t.Fatalf("got %v, want it refused: %v", err, v.Want.Refused)
		}
		return
	}
	v.compare(t, r, here)
}

// compare compares a run with what is wanted.
func (v *fieldVector) compare(t *testing.T, r *trial.Run, here func(json.RawMessage) string) {
	if got := member(t, r.Run, "status"); got != v.Want.Status {
		t.Errorf("the run is %v, want %s: %s", got, v.Want.Status, value.Append(nil, r.Run))
	}
	last, counts := map[string]*value.Object{}, map[string]int{}
	for _, a := range r.Activities {
		name := member(t, a, "activityName").(string)
		last[name] = a.(*value.Object)
		counts[name]++
	}
	for name, want := range v.Want.Activities {
		got := "Skipped"
		if last[name] != nil {
			got = member(t, last[name], "status").(string)
		}
		if got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
	for name, want := range v.Want.Counts {
		if counts[name] != want {
			t.Errorf("%s ran %d times, want %d", name, counts[name], want)
		}
	}
	for name, members := range v.Want.Outputs {
		for m, want := range members {
			wanted, err := value.Parse([]byte(here(want)))
			if err != nil {
				t.Fatal(err)
			}
			if last[name] == nil {
				t.Fatalf("%s has no record", name)
			}
			if got := member(t, member(t, last[name], "output"), m); !value.Equal(got, wanted) {
				t.Errorf("output %s of %s: got %s, want %s", m, name, value.Append(nil, got), want)
			}
		}
	}
	for name, want := range v.Want.Errors {
		if last[name] == nil {
			t.Fatalf("%s has no record", name)
		}
		e := member(t, last[name], "error")
		code, message := member(t, e, "errorCode"), member(t, e, "message")
		if want.ErrorCode != "" && code != want.ErrorCode || !strings.Contains(value.Text(message), want.Message) {
			t.Errorf("error of %s: got %v, %v; want %+v", name, code, message, want)
		}
	}
}

// member returns a member of an object, nil if there is none.
func member(t *testing.T, v value.Value, name string) value.Value {
	t.Helper()
	o, ok := v.(*value.Object)
	if !ok {
		t.Fatalf("%s is no object, want one with %s", value.Append(nil, v), name)
	}
	m, _ := o.Lookup(name)
	return m
}

// endpoint serves the answers of a vector.
func (v *fieldVector) endpoint(t *testing.T) http.Handler {
	var mu sync.Mutex
	asked := map[string]int{}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		at := r.Method + " " + r.URL.RequestURI()
		var list []fieldAnswer
		if err := json.Unmarshal(v.Web[at], &list); err != nil {
			var one fieldAnswer
			if err := json.Unmarshal(v.Web[at], &one); err != nil {
				t.Errorf("%s is asked for", at)
				w.WriteHeader(http.StatusTeapot)
				return
			}
			list = []fieldAnswer{one}
		}
		mu.Lock()
		a := list[min(asked[at], len(list)-1)]
		asked[at]++
		mu.Unlock()
		w.Header().Set("Content-Type", "application/json")
		for name, text := range a.Headers {
			w.Header().Set(name, strings.ReplaceAll(text, "http://WEB", "http://"+r.Host))
		}
		if a.Status != 0 {
			w.WriteHeader(a.Status)
		}
		if a.Echo {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				t.Error(err)
			}
			a.Body, _ = json.Marshal(map[string]any{"method": r.Method, "body": string(body), "headers": r.Header})
		}
		var body bytes.Buffer
		if len(a.Body) > 0 {
			if err := json.Compact(&body, a.Body); err != nil {
				t.Error(err)
			}
		}
		w.Write(body.Bytes())
	})
}
