package exprtest

import (
	"strings"
	"testing"
	"time"

	"switchyard/value"
)

func object(t *testing.T, s string) *value.Object {
	t.Helper()
	v, err := value.Parse([]byte(s))
	if err != nil {
		t.Fatal(err)
	}
	return v.(*value.Object)
}

func TestNewContext(t *testing.T) {
	now := time.Date(2020, 1, 2, 3, 4, 5, 0, time.UTC)
	tests := []struct{ context, in, want string }{
		{`{}`, "@utcNow('s')", `{"value":"2020-01-02T03:04:05"}`},
		{`{"now":"2021-01-01T00:00:00+01:00"}`, "@utcNow('s')", `{"value":"2020-12-31T23:00:00"}`},
		{`{"now":"2021-01-01"}`, "@utcNow('s')", `{"value":"2021-01-01T00:00:00"}`},
		{`{"pipeline":{"RunId":"x"},"parameters":{"p":null}}`, "@pipeline()", `{"value":{"RunId":"x","parameters":{"p":null},"globalParameters":{}}}`},
		{`{"activities":{"A":{"status":"Succeeded"}}}`, "@activity('a').Status", `{"value":"Succeeded"}`},
		{`{"item":[1]}`, "@item()[0]", `{"value":1}`},
		{`{"triggerBody":"text"}`, "@triggerBody()", `{"value":"text"}`},
		{`{}`, "x @{item()}", `{"error":{"errorCode":"InvalidTemplate","message":"The template function 'item' is not expected at this location.","expression":"item()","offset":4}}`},
	}
	for _, tt := range tests {
		c, err := NewContext(object(t, tt.context), now, 1)
		if err != nil {
			t.Errorf("NewContext(%s): %v", tt.context, err)
			continue
		}
		if got := string(value.Append(nil, Evaluate(c, tt.in))); got != tt.want {
			t.Errorf("%s in %s: got %s, want %s", tt.in, tt.context, got, tt.want)
		}
	}
	if _, err := NewContext(nil, now, 1); err != nil {
		t.Errorf("NewContext(nil): %v", err)
	}
}

func TestNewContextErrors(t *testing.T) {
	tests := []struct{ context, want string }{
		{`{"paramters":{}}`, `unknown member "paramters"`},
		{`{"parameters":[]}`, `"parameters" is not an object`},
		{`{"activities":null}`, `"activities" is not an object`},
		{`{"now":5}`, `"now" is not a string`},
		{`{"now":"noon"}`, `"noon" is not an ISO 8601 time`},
	}
	for _, tt := range tests {
		_, err := NewContext(object(t, tt.context), Now, 1)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("NewContext(%s): got %v, want an error with %s", tt.context, err, tt.want)
		}
	}
}

// TestCheckFinds makes sure that a wrong result does not pass.
func TestCheckFinds(t *testing.T) {
	const vectors = `
context {"item": 1}
@item()
  = 1
@item()
  = 2
@item()
  ! anything
@item().x
  = 1
@item().x
  ! property 'X' cannot
@item().x
  ! some other reason
json ["@item()"]
  = [1.0000000001]
`
	list, err := ParseTextVectors(vectors)
	if err != nil {
		t.Fatal(err)
	}
	want := []bool{true, false, false, false, true, false, true}
	if len(list) != len(want) {
		t.Fatalf("got %d vectors, want %d", len(list), len(want))
	}
	for i, v := range list {
		if err := v.Check(); (err == nil) != want[i] {
			t.Errorf("vector %d, %s: got %v, want success %v", i, &v, err, want[i])
		}
	}
}

func TestVectorsThatAreNotUnderstood(t *testing.T) {
	for _, in := range []string{
		"@a()", "  = 1", "@a()\n@b()\n  = 1", "@a()\n  = x", "@a()\n  ? 1", "context 5\n", "context {\n", "json {\n  = 1",
	} {
		if v, err := ParseTextVectors(in); err == nil {
			t.Errorf("ParseTextVectors(%q): got %v, want an error", in, v)
		}
	}
	for _, in := range []string{
		"{}", "[1]", `[{"expr":"a"}]`, `[{"expr":"a","want":1,"wantError":true}]`, `[{"expr":"a","wnat":1}]`, `[{"expr":"a","want":1,"context":5}]`, "[",
	} {
		if v, err := ParseJSONVectors([]byte(in)); err == nil {
			t.Errorf("ParseJSONVectors(%s): got %v, want an error", in, v)
		}
	}
}
