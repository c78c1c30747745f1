package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"switchyard/value"
)

func TestParameters(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return "@" + name
	}
	for _, c := range []struct{ in, want string }{
		{"", `{}`},
		{"{}", `{}`},
		{` {"b":1,"a":{"c":[2.0,null]}} `, `{"b":1,"a":{"c":[2.0,null]}}`},
		{`{"big":9007199254740993}`, `{"big":9007199254740993}`},
		{file("good.json", "{\"a\":\"@x\"}\n"), `{"a":"@x"}`},
	} {
		o, err := parameters(c.in)
		if err != nil {
			t.Errorf("parameters(%q): %v", c.in, err)
			continue
		}
		if got := string(value.Append(nil, o)); got != c.want {
			t.Errorf("parameters(%q) = %s, want %s", c.in, got, c.want)
		}
	}
	for _, c := range []struct{ in, want string }{
		{"[1]", "parameters: should be a JSON object"},
		{`"a"`, "parameters: should be a JSON object"},
		{"null", "parameters: should be a JSON object"},
		{"{", "parameters: "},
		{`{"a":1} x`, "parameters: "},
		{"@", "parameters: behind @ the name of a file is missing"},
		{file("list.json", "[]"), "list.json: should be a JSON object"},
		{file("half.json", `{"a":`), "half.json: "},
		{file("empty.json", ""), "empty.json: "},
	} {
		o, err := parameters(c.in)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("parameters(%q) = %v, %v; want an error with %q", c.in, o, err, c.want)
		}
	}
}

// folder writes a data factory with one pipeline and returns its directory.
func folder(t *testing.T, name, pipeline string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "pipeline"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "pipeline", name+".json"), []byte(pipeline), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestRunInterrupted: the first signal cancels the run, which is then printed as
// it ended: an activity that was at work is Cancelled, one that waited for it is
// not there, and the exit code is of a run that did not succeed.
func TestRunInterrupted(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a process can't interrupt itself on Windows")
	}
	self, err := os.FindProcess(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	left := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if err := self.Signal(os.Interrupt); err != nil {
			t.Error(err)
		}
		<-r.Context().Done()
		close(left)
	}))
	defer server.Close()
	dir := folder(t, "Slow", fmt.Sprintf(`{"name":"Slow","properties":{"activities":[
		{"name":"Ask","type":"WebActivity","typeProperties":{"method":"GET","url":%q}},
		{"name":"Then","type":"Wait","dependsOn":[{"activity":"Ask","dependencyConditions":["Completed"]}],"typeProperties":{"waitTimeInSeconds":1}}]}}`, server.URL))
	code, out, errs := call(t, "", "run", dir, "Slow", "--output", "json")
	<-left // the request was given up, too
	var got struct {
		Run        struct{ Status string }
		Activities []struct{ ActivityName, Status string }
	}
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatalf("exit code %d, stdout %q, stderr %q: %v", code, out, errs, err)
	}
	if code != exitFailed || got.Run.Status != "Cancelled" || len(got.Activities) != 1 || got.Activities[0].Status != "Cancelled" {
		t.Errorf("exit code %d, %+v; want %d, and run and activity Ask Cancelled", code, got, exitFailed)
	}
}
