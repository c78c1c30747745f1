package activity_test

import (
	"context"
	stdjson "encoding/json"
	"testing"

	"switchyard/pipeline"
	"switchyard/pipeline/activity"
	"switchyard/value"
)

// TestExecutors: what the table says is executed here has an executor, and
// nothing else has.
func TestExecutors(t *testing.T) {
	r := activity.Executors(activity.Options{Web: activity.WebOptions{Clock: impatient{}}})
	for _, row := range pipeline.ActivityTypes() {
		if want := row.Supported && !row.Control; r.Supports(row.Name) != want {
			t.Errorf("%s has an executor: %v, want %v", row.Name, !want, want)
		}
	}
}

// good has a value for each property that does not take any text.
var good = map[string]string{
	"reportStatusOnCallBack": `true`, "timeout": `"00:01:00"`, "body": `{}`,
	"method": `"GET"`, "url": `"http://127.0.0.1:1/"`, "headers": `{}`, "httpRequestTimeout": `"00:01:00"`, "turnOffAsync": `true`,
	"disableCertValidation": `true`, "datasets": `[]`, "linkedServices": `[]`, "connectVia": `{}`,
	"authentication":        `{"type":"Basic","username":"u","password":"p"}`,
	"applicationProperties": `{"p":1}`, "timeToLive": `"00:01:00"`, "sequenceNumber": `7`, "lockToken": `"t"`, "outcome": `"DeadLetter"`,
	"propertiesToModify": `{"p":1}`, "settle": `{"sequenceNumber":7,"outcome":"Complete"}`,
}

// TestExecutorsReadTheirRow: an executor reads every property that its row has,
// and refuses one that it has not.
func TestExecutorsReadTheirRow(t *testing.T) {
	r := activity.Executors(activity.Options{Web: activity.WebOptions{Clock: impatient{}}, Bus: &bus{}})
	for _, row := range pipeline.ActivityTypes() {
		if !row.Supported || row.Control {
			continue
		}
		in := &value.Object{}
		for _, p := range row.Properties {
			v := value.Value("text")
			if text, ok := good[p.Name]; ok {
				v, _ = value.Parse([]byte(text))
			}
			if row.Name == pipeline.WebHook && p.Name == "method" {
				v = "POST"
			}
			in.Set(p.Name, v)
		}
		execute := func() *activity.Error {
			return r.Execute(context.Background(), &activity.Call{
				ActivityType: row.Name, ActivityRunID: "aid", CallBackURI: "http://back/", Input: in, Binding: stdjson.RawMessage(`{}`),
				LinkedService: &activity.LinkedService{
					Name: "bus", Type: row.LinkedService, TypeProperties: parse(t, `{"fullyQualifiedNamespace":"ns"}`)},
			}).Err
		}
		if err := execute(); err != nil && err.Code != "2128" { // no answer: there is no such server
			t.Errorf("%s with all of its properties: %v", row.Name, err)
		}
		in.Set("zork", true)
		want := "The property 'zork' of " + row.Title() + " is not supported."
		if err := execute(); err == nil || err.Code != "NotSupported" || err.Message != want {
			t.Errorf("%s with another property: %v, want %s", row.Name, err, want)
		}
	}
}
