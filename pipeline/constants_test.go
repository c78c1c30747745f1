package pipeline

import (
	"strings"
	"testing"
)

// TestConstants: an activity that can only fail when it runs is told when it is
// validated, with its path.
func TestConstants(t *testing.T) {
	const base = "$.properties.activities[0].typeProperties"
	for _, c := range []struct{ kind, props, want string }{
		{"Wait", `{"waitTimeInSeconds":0}`, "error: " + base + ".waitTimeInSeconds: is 0"},
		{"Wait", `{"waitTimeInSeconds":-1}`, "error: " + base + ".waitTimeInSeconds: is -1"},
		{"Wait", `{"waitTimeInSeconds":"soon"}`, "error: " + base + ".waitTimeInSeconds: is \"soon\""},
		{"Wait", `{"waitTimeInSeconds":1.5}`, "error: " + base + ".waitTimeInSeconds: is 1.5"},
		{"Wait", `{"waitTimeInSeconds":[]}`, "error: " + base + ".waitTimeInSeconds: is []"},
		{"Wait", `{"waitTimeInSeconds":2147483648}`, "error: " + base + ".waitTimeInSeconds: is 2147483648"},
		{"Wait", `{"waitTimeInSeconds":"30"}`, ""},
		{"Wait", `{"waitTimeInSeconds":30.0}`, ""},
		{"Wait", `{"waitTimeInSeconds":"@add(1,2)"}`, ""},
		{"Wait", `{"waitTimeInSeconds":{"value":"@add(1,2)","type":"Expression"}}`, ""},
		{"WebActivity", `{"method":"BREW","url":"http://a"}`, "error: " + base + ".method: is \"BREW\""},
		{"WebActivity", `{"method":5,"url":"http://a"}`, "error: " + base + ".method: is 5"},
		{"WebActivity", `{"method":"GET","url":5}`, "error: " + base + ".url: is an integer"},
		{"WebActivity", `{"method":"GET","url":"http://a","zork":1}`, "error: " + base + ".zork: is not a property"},
		{"WebActivity", `{"method":"get","url":"@concat('a')","httpRequestTimeout":"00:01:00","datasets":[],"connectVia":{"referenceName":"AutoResolveIntegrationRuntime","type":"IntegrationRuntimeReference"}}`, ""},
		{"Switch", `{"on":"@concat('a')","cases":[{"value":"a","activities":[]},{"value":"b","activities":[]},{"value":"a","activities":[]}]}`, "warning: " + base + ".cases[2].value: another case"},
		{"Switch", `{"on":"@concat('a')","cases":[{"value":"a","activities":[]},{"value":"A","activities":[]}]}`, ""},
	} {
		p, ds := ParsePipeline("P.json", []byte(`{"name":"P","properties":{"activities":[{"name":"x","type":"`+c.kind+`","typeProperties":`+c.props+`}]}}`))
		if ds != nil {
			t.Fatalf("%s %s: %v", c.kind, c.props, ds)
		}
		f := &Factory{Strict: true}
		f.PutPipeline(p)
		got := f.Validate().Error()
		if c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("%s %s: diagnostics %q, want %q", c.kind, c.props, got, c.want)
		}
	}
}
