package main

import (
	"bufio"
	"io"
	"strings"
	"testing"
	"time"

	"switchyard/value"
)

// TestEvaluated: what is wrong with a line is told apart from what is wrong
// with its expression; each member of a context reaches its function.
func TestEvaluated(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct{ line, want string }{
		{`{"expr":"@utcNow()"}`, `{"value":"2026-03-01T12:00:00.0000000Z"}`},
		{`{"expr":"@utcNow()","context":null}`, `{"value":"2026-03-01T12:00:00.0000000Z"}`},
		{`{"expr":"@utcNow('yyyy')","context":{"now":"2001-02-03"}}`, `{"value":"2001"}`},
		{`{"expr":"plain"}`, `{"value":"plain"}`},
		{`{"expr":5.0}`, `{"value":5.0}`},
		{`{"expr":{"a":["@add(1,1)"]}}`, `{"value":{"a":[2]}}`},
		{`{"expr":"@pipeline().parameters.p","context":{"parameters":{"p":[1]}}}`, `{"value":[1]}`},
		{`{"expr":"@pipeline().globalParameters.g","context":{"globalParameters":{"g":"x"}}}`, `{"value":"x"}`},
		{`{"expr":"@pipeline().RunId","context":{"pipeline":{"RunId":"r"}}}`, `{"value":"r"}`},
		{`{"expr":"@variables('V')","context":{"variables":{"v":true}}}`, `{"value":true}`},
		{`{"expr":"@activity('A').output.n","context":{"activities":{"A":{"output":{"n":3}}}}}`, `{"value":3}`},
		{`{"expr":"@item()","context":{"item":null}}`, `{"value":null}`},
		{`{"expr":"@dataset().d","context":{"dataset":{"d":1}}}`, `{"value":1}`},
		{`{"expr":"@linkedService().l","context":{"linkedService":{"l":1}}}`, `{"value":1}`},
		{`{"expr":"@trigger().name","context":{"trigger":{"name":"T"}}}`, `{"value":"T"}`},
		{`{"expr":"@triggerBody().b","context":{"triggerBody":{"b":1}}}`, `{"value":1}`},
		{`{"context":{}}`, `BadRequest: the member expr is missing`},
		{`{"expr":"@1","expression":"@2"}`, `BadRequest: unknown member "expression"; known are expr and context`},
		{`{"expr":"@1","context":[]}`, `BadRequest: context should be an object`},
		{`{"expr":"@1","context":{"params":{}}}`, `BadRequest: context: unknown member "params"`},
		{`{"expr":"@1","context":{"parameters":[]}}`, `BadRequest: context: member "parameters" is not an object`},
		{`{"expr":"@1","context":{"now":5}}`, `BadRequest: context: member "now" is not a string`},
		{`{"expr":"@1","context":{"now":"yesterday"}}`, `BadRequest: context: member "now": "yesterday" is not`},
		{`[]`, `BadRequest: the line should be an object`},
		{``, `BadRequest: the line is empty`},
		{`{"expr":"@1"} {}`, `BadRequest: the line is not JSON: `},
		{`{"expr":"@item()"}`, `InvalidTemplate: `},
		{`{"expr":"@nope()"}`, `InvalidTemplate: `},
		{`{"expr":"@add(1,"}`, `InvalidTemplate: `},
		{`{"expr":"@div(1,0)"}`, `InvalidTemplate: `},
	} {
		answer := evaluated(readQuestion([]byte(c.line), now, 1))
		got := string(value.Append(nil, answer))
		if failed, ok := answer.Get("error"); ok {
			got = str(failed.(*value.Object), "code") + ": " + str(failed.(*value.Object), "message")
			if strings.HasPrefix(got, c.want) {
				continue
			}
		}
		if got != c.want {
			t.Errorf("%s\ngot  %s\nwant %s", c.line, got, c.want)
		}
	}
}

// TestEvalAnswersAtOnce: the answer to a line comes before the next line is asked
// for, so that a program can hold a conversation.
func TestEvalAnswersAtOnce(t *testing.T) {
	in, question := io.Pipe()
	answer, out := io.Pipe()
	code := make(chan int)
	go func() {
		code <- Main([]string{"eval"}, &env{stdin: in, stdout: out, stderr: io.Discard})
		out.Close()
	}()
	lines := bufio.NewReader(answer)
	for _, c := range []struct{ question, want string }{
		{`{"expr":"@add(1,1)"}` + "\n", `{"value":2}` + "\n"},
		{`{"expr":"@add(2,2)"}` + "\r\n", `{"value":4}` + "\n"},
	} {
		if _, err := io.WriteString(question, c.question); err != nil {
			t.Fatal(err)
		}
		if got, err := lines.ReadString('\n'); err != nil || got != c.want {
			t.Errorf("%q: got %q, %v; want %q", c.question, got, err, c.want)
		}
	}
	question.Close()
	if got := <-code; got != exitOK {
		t.Errorf("exit code %d, want 0", got)
	}
}

// torn is an input that breaks in the middle of a line.
type torn struct{ text *strings.Reader }

func (r torn) Read(p []byte) (int, error) {
	n, err := r.text.Read(p)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// TestEvalInputBreaks: an input that can't be read to its end is no success, and
// what had come is answered.
func TestEvalInputBreaks(t *testing.T) {
	var out, errs strings.Builder
	code := Main([]string{"eval"}, &env{stdin: torn{strings.NewReader("{\"expr\":\"@add(1,1)\"}\n{\"ex")}, stdout: &out, stderr: &errs})
	if code != exitFailed || !strings.HasPrefix(out.String(), "{\"value\":2}\n") || !strings.Contains(errs.String(), "standard input: unexpected EOF") {
		t.Errorf("exit code %d, stdout %q, stderr %q", code, out.String(), errs.String())
	}
}
