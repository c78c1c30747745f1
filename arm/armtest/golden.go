package armtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"

	"switchyard/internal/golden"
)

// Host is the host of requests in golden files.
const Host = "arm.test:8443"

// shown are the headers that golden files state.
var shown = []string{"Azure-Asyncoperation", "Etag", "Location", "Retry-After", "Www-Authenticate",
	"X-Ms-Error-Code"}

// Golden runs the requests of a file against a handler, in order, and compares
// the answers. A file looks like this:
//
//	# comments and empty lines before a request are kept
//	PUT /subscriptions/S?api-version=2021-04-01
//	If-Match: *
//	{"location": "westeurope"}
//	--- 201
//	Location: https://…
//	{
//	  "id": "…"
//	}
//	===
//
// vars are replaced in requests, and back in answers. With the flag -update the
// answers are written into the file instead, to be read as a diff.
func Golden(t *testing.T, h http.Handler, file string, vars map[string]string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for block := range strings.SplitSeq(string(text), "\n===\n") {
		if strings.TrimSpace(block) == "" {
			continue
		}
		request, want, _ := strings.Cut(block+"\n", "\n--- ")
		request = strings.TrimSpace(request)
		want = strings.TrimSpace(want)
		got := strings.TrimSpace(answer(t, h, file, request, vars))
		if got != want && !*golden.Update {
			t.Errorf("%s: %s\ngot:\n--- %s\nwant:\n--- %s", file, lastComment(request), got, want)
		}
		fmt.Fprintf(&out, "%s\n--- %s\n===\n\n", request, got)
	}
	if *golden.Update {
		if err := os.WriteFile(file, []byte(strings.TrimRight(out.String(), "\n")+"\n"), 0o666); err != nil {
			t.Fatal(err)
		}
	}
}

func lastComment(request string) string {
	lines := strings.Split(request, "\n")
	for i, l := range lines {
		if !strings.HasPrefix(l, "#") && l != "" {
			return strings.Join(lines[max(0, i-1):], "\n")
		}
	}
	return request
}

func answer(t *testing.T, h http.Handler, file, request string, vars map[string]string) string {
	t.Helper()
	for name, v := range vars {
		request = strings.ReplaceAll(request, name, v)
	}
	lines := strings.Split(request, "\n")
	for len(lines) > 0 && (lines[0] == "" || strings.HasPrefix(lines[0], "#")) {
		lines = lines[1:]
	}
	if len(lines) == 0 {
		t.Fatalf("%s: a block without a request: %q", file, request)
	}
	method, target, ok := strings.Cut(lines[0], " ")
	if !ok {
		t.Fatalf("%s: %q is not a request line", file, lines[0])
	}
	lines = lines[1:]
	header := http.Header{"Authorization": {"Bearer token"}}
	for len(lines) > 0 {
		name, value, ok := strings.Cut(lines[0], ": ")
		if !ok || strings.ContainsAny(name, "{\" ") {
			break
		}
		header.Set(name, value)
		if value == "-" {
			header.Del(name)
		}
		lines = lines[1:]
	}
	var body io.Reader
	if text := strings.Join(lines, "\n"); strings.TrimSpace(text) != "" {
		body = strings.NewReader(text)
	}
	r := httptest.NewRequest(method, "https://"+Host+"/", body)
	path, query, _ := strings.Cut(target, "?")
	u, err := r.URL.Parse("https://" + Host + path + "?" + strings.ReplaceAll(query, " ", "%20"))
	if err != nil {
		t.Fatalf("%s: %s: %v", file, target, err)
	}
	r.URL, r.Header = u, header
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	got := Describe(w)
	names := make([]string, 0, len(vars))
	for name := range vars {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int { return len(vars[b]) - len(vars[a]) })
	for _, name := range names {
		got = strings.ReplaceAll(got, vars[name], name)
	}
	return got
}

// Describe writes an answer as golden files have it.
func Describe(w *httptest.ResponseRecorder) string {
	var out strings.Builder
	fmt.Fprintln(&out, w.Code)
	for _, name := range shown {
		if v := w.Header().Get(name); v != "" {
			fmt.Fprintf(&out, "%s: %s\n", name, v)
		}
	}
	var b bytes.Buffer
	if w.Body.Len() > 0 {
		if err := json.Indent(&b, w.Body.Bytes(), "", "  "); err != nil {
			fmt.Fprintf(&out, "not JSON (%v): %s\n", err, w.Body)
		}
	}
	out.Write(b.Bytes())
	return out.String()
}
