package system

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"switchyard/deploy"
	"switchyard/examples/approval/desk"
	"switchyard/pipeline/engine"
	"switchyard/value"
)

// TestApproval: the example, with its page.
func TestApproval(t *testing.T) {
	page := httptest.NewServer(desk.New())
	defer page.Close()
	files := fstest.MapFS{}
	for _, name := range []string{"factory/approval.json", "pipeline/Approval.json"} {
		b, err := os.ReadFile("../examples/approval/" + name)
		if err != nil {
			t.Fatal(err)
		}
		files[name] = &fstest.MapFile{Data: []byte(strings.ReplaceAll(string(b), "http://127.0.0.1:8099", page.URL))}
	}
	d, diags := deploy.Read(files, "approval", deploy.Mode{Strict: true})
	if err := diags.Err(); err != nil {
		t.Fatal(err)
	}
	s := startSystem(t, Options{Ephemeral: true, Deployments: []*deploy.Deployment{d}})
	f, err := s.factories.OfRun("approval")
	if err != nil {
		t.Fatal(err)
	}
	get := func() string {
		t.Helper()
		answer, err := http.Get(page.URL)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		b, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	for number, c := range []struct{ decision, want string }{
		{"approve", `{"decision":"approved","by":"Ada"}`},
		{"reject", `{"decision":"rejected","because":"rejected by Ada: too <much"}`},
	} {
		id, err := s.engine.CreateRun(t.Context(), f, "Approval", value.NewObject(
			value.Member{Name: "what", Value: "a <printer>"}, value.Member{Name: "amount", Value: int64(499)}), engine.RunOptions{})
		if err != nil {
			t.Fatal(err)
		}
		shown := ""
		for !strings.Contains(shown, "a &lt;printer&gt;") {
			shown = get()
		}
		if strings.Contains(shown, "token=") {
			t.Error("the page shows the callBackUri")
		}
		form := url.Values{"number": {string(rune('1' + number))}, "by": {"Ada"}, "remark": {"too <much"}, "decision": {c.decision}}
		answer, err := http.PostForm(page.URL+"/answer", form)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != 200 || strings.Contains(get(), "printer") {
			t.Errorf("%s: %s", c.decision, answer.Status)
		}
		if _, err := s.engine.Wait(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		p, err := s.engine.PipelineRun(id)
		if err != nil {
			t.Fatal(err)
		}
		if got := string(value.Append(nil, p.ReturnValue)); got != c.want {
			t.Errorf("%s: %s (%s), want %s", c.decision, got, p.Message, c.want)
		}
	}
	// Another page may not decide.
	r, _ := http.NewRequest("POST", page.URL+"/answer", strings.NewReader("number=1&decision=approve"))
	r.Header.Set("Origin", "http://elsewhere.example")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusForbidden {
		t.Errorf("another page's form: %s", answer.Status)
	}
}
