// Package desk is the page on which somebody answers requests: a pipeline's WebHook posts
// them, and their callBackUri is posted to when they are answered. What it holds is in
// memory: a request that is lost with it times out.
package desk

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"sync"
)

// A request is what a WebHook asks.
type request struct {
	Number      int    `json:"-"`
	Run         string `json:"run"`
	What        string `json:"what"`
	Amount      int64  `json:"amount"`
	CallBackURI string `json:"callBackUri"` // as good as an answer: it is not shown
}

//go:embed page.html
var pageHTML string

var page = template.Must(template.New("page").Parse(pageHTML))

type desk struct {
	mu   sync.Mutex
	last int
	open map[int]request // guarded by mu, like last
}

// New returns the page at /, what pipelines post to at /requests, and what the page's forms
// post to at /answer: those of other pages are refused.
func New() http.Handler {
	d := &desk{open: map[int]request{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", d.show)
	mux.HandleFunc("POST /requests", d.take)
	mux.HandleFunc("POST /answer", d.answer)
	return http.NewCrossOriginProtection().Handler(mux)
}

func (d *desk) show(w http.ResponseWriter, _ *http.Request) {
	d.mu.Lock()
	list := slices.SortedFunc(maps.Values(d.open), func(a, b request) int { return a.Number - b.Number })
	d.mu.Unlock()
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_ = page.Execute(w, list) // a browser that has gone
}

// take keeps a request. A request that comes again, because the pipeline was restarted
// before it had the answer, is the same one: it has the same callBackUri.
func (d *desk) take(w http.ResponseWriter, r *http.Request) {
	var x request
	if err := json.NewDecoder(r.Body).Decode(&x); err != nil || x.CallBackURI == "" {
		http.Error(w, "want JSON with run, what, amount and callBackUri", http.StatusBadRequest)
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, known := range d.open {
		if known.CallBackURI == x.CallBackURI {
			return
		}
	}
	d.last++
	x.Number = d.last
	d.open[x.Number] = x
}

// answer calls back. The request is closed when the answer was taken, or can't be any more.
func (d *desk) answer(w http.ResponseWriter, r *http.Request) {
	number, _ := strconv.Atoi(r.FormValue("number"))
	d.mu.Lock()
	x, ok := d.open[number]
	d.mu.Unlock()
	if !ok {
		http.Error(w, "this request is answered already", http.StatusGone)
		return
	}
	status, err := callBack(x.CallBackURI, outcome(r.FormValue("decision"), r.FormValue("by"), r.FormValue("remark")))
	if err != nil {
		http.Error(w, fmt.Sprintf("the pipeline can't be reached, try again: %v", err), http.StatusBadGateway)
		return
	}
	d.mu.Lock()
	delete(d.open, number)
	d.mu.Unlock()
	if status == http.StatusGone {
		http.Error(w, "the pipeline does not wait for this answer any more", http.StatusGone)
		return
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// outcome is what the callback of a WebHook with reportStatusOnCallBack says.
func outcome(decision, by, remark string) any {
	type object = map[string]any
	if decision == "approve" {
		return object{"StatusCode": "200", "Output": object{"by": by, "remark": remark}}
	}
	return object{"StatusCode": "403", "Error": object{"ErrorCode": "Rejected", "Message": "rejected by " + by + ": " + remark}}
}

// callBack posts an answer. An error may pass.
func callBack(uri string, outcome any) (status int, err error) {
	b, err := json.Marshal(outcome)
	if err != nil {
		return 0, err
	}
	answer, err := http.Post(uri, "application/json", bytes.NewReader(b))
	if err != nil {
		return 0, fmt.Errorf("no answer") // the error has the address in it
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK && answer.StatusCode != http.StatusGone {
		text, _ := io.ReadAll(io.LimitReader(answer.Body, 1<<10))
		return 0, fmt.Errorf("%s: %s", answer.Status, text)
	}
	return answer.StatusCode, nil
}
