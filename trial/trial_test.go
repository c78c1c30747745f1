package trial

import (
	"slices"
	"strings"
	"testing"

	"switchyard/bridge"
	"switchyard/value"
)

// TestParseInput: what a line says is what the message has; what can't be used is named
// with its line.
func TestParseInput(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{`{}`, `{"body":""}`},
		{`{"body":{"a":[1,2.0]}}`, `{"contentType":"application/json","body":{"a":[1,2.0]}}`},
		{`{"body":"x","contentType":null}`, `{"body":"x"}`},
		{`{"body":"{\"a\":1}"}`, `{"contentType":"text/plain","body":{"a":1}}`},
		{`{"bodyBase64":"/w=="}`, `{"bodyBase64":"/w=="}`},
		{`{"messageId":"m","subject":"s","correlationId":"c","to":"t","replyTo":"r","timeToLive":"01:00:00","applicationProperties":{"n":1,"b":true,"none":null}}`,
			`{"messageId":"m","correlationId":"c","subject":"s","to":"t","replyTo":"r","timeToLive":"01:00:00","applicationProperties":{"n":1,"b":true,"none":null},"body":""}`},
		{`{"sequenceNumber":9,"deliveryCount":1,"state":"Deferred","bodyText":"y","body":null}`, `{"body":""}`},
		{"\n\n[]", "line 3: is no JSON object but an array"},
		{"{}\n{", "line 2: is no JSON object: "},
		// What peek and receive write.
		{`{"sequenceNumber":1,"messageId":"m","enqueuedTimeUtc":"2026-03-01T12:00:00Z","deliveryCount":11,"state":"Scheduled","lockedUntilUtc":"2026-03-01T12:00:00Z","expiresAtUtc":"2026-03-01T12:00:00Z","scheduledEnqueueTimeUtc":"2026-03-01T12:00:00Z","timeToLive":"1h0m0s","contentType":null,"partitionKey":"p","replyToSessionId":"r","applicationProperties":{"DeadLetterReason":"R","n":1.0},"deadLetterReason":"R","deadLetterErrorDescription":"D","deadLetterSource":"q","body":{"a":1}}`,
			`{"messageId":"m","timeToLive":"01:00:00","applicationProperties":{"n":1.0},"body":{"a":1}}`},
		{`{"contentType":"application/json","body":"x","bodyBase64":"Ingi"}`, `{"contentType":"application/json","body":"x","bodyBase64":"Ingi"}`},
		{`{"contentType":null,"body":null,"bodyBase64":"bnVsbA=="}`, `{"body":null,"bodyBase64":"bnVsbA=="}`},
		{`{"body":"x","bodyBase64":"eA=="}`, `{"body":"x"}`},
		{`{"body":"y","bodyBase64":"eA=="}`, "line 1: bodyBase64 is not what stands in body"},
		{`{"messageId":"` + strings.Repeat("é", 129) + `"}`, "line 1: messageId is longer than 128 characters"},
		{`{"sessionId":"` + strings.Repeat("x", 129) + `"}`, "line 1: sessionId is longer than 128 characters"},
		{`{"timeToLive":"-1h"}`, `line 1: timeToLive "-1h" is not a time such as 00:05:00 or 5m0s`},
		{`{"bodyBase64":"?"}`, "line 1: bodyBase64 is not base64"},
		{`{"timeToLive":"PT1H"}`, `line 1: timeToLive "PT1H" is not a time`},
		{`{"timeToLive":"00:00:00"}`, `line 1: timeToLive "00:00:00" is not a time`},
		{`{"applicationProperties":{"o":{}}}`, "line 1: applicationProperties.o should be a text, a number"},
		{`{"messageId":7}`, "line 1: messageId should be a text"},
		{`{"label":"x"}`, "line 1: label is not known; known are messageId, "},
	} {
		in, err := ParseInput([]byte(c.in))
		if err != nil {
			if !strings.HasPrefix(err.Error(), c.want) {
				t.Errorf("%s\n got %v\nwant %s", c.in, err, c.want)
			}
			continue
		}
		if len(in) != 1 {
			t.Errorf("%s: %d messages", c.in, len(in))
			continue
		}
		if got := string(value.Append(nil, object(in[0].Message))); got != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.in, got, c.want)
		}
		if _, err := bridge.Message(in[0].Message); err != nil {
			t.Errorf("%s: %v", c.in, err)
		}
	}
}

func parse(t *testing.T, text string) *value.Object {
	t.Helper()
	v, err := value.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return v.(*value.Object)
}

// TestCompare: an expectation is met by what has all that it mentions, in any order, and
// each difference is a sentence.
func TestCompare(t *testing.T) {
	r := &Result{
		Settlements: []Settlement{{Line: 1, MessageID: "a", SequenceNumber: 1, Outcome: Completed},
			{Line: 3, MessageID: "b", SequenceNumber: 2, Outcome: DeadLettered, DeliveryCount: 2, Reason: "R"}},
		Entities: []Entity{{Name: "Out", Messages: []*value.Object{
			parse(t, `{"subject":"s","body":{"n":1,"list":[1,2]}}`), parse(t, `{"subject":"s","body":{"n":2}}`)}}},
		Runs: []Run{{Run: parse(t, `{"pipelineName":"P","status":"Succeeded","message":""}`),
			Activities: value.Array{parse(t, `{"activityName":"A","status":"Succeeded","output":{"n":1}}`)}},
			{Run: parse(t, `{"pipelineName":"P","status":"Failed","message":"no"}`)}},
	}
	for _, c := range []struct{ expect, want string }{
		{`{}`, ""},
		{`{"settlements":["Complete","DeadLetter"],"messages":{"out":[{},{}]},"runs":["Failed","Succeeded"]}`, ""},
		{`{"settlements":[{"line":1},{"reason":"R","deliveryCount":2.0}]}`, ""},
		// The first that is expected fits both, the second one only: they are told apart.
		{`{"messages":{"Out":[{"subject":"s"},{"body":{"n":1}}]}}`, ""},
		{`{"messages":{"Out":[{"body":{"n":1}},{"subject":"s"}]}}`, ""},
		{`{"messages":{"Out":[{"body":{"list":[1,2],"gone":null}},{}]}}`, ""},
		{`{"runs":[{"activities":{"A":{"output":{"n":1}}}},{"message":"no"}]}`, ""},

		{`{"settlements":["Complete"]}`, "settlements: 2 messages were sent in, and 1 are expected to be settled"},
		{`{"settlements":["Defer",{"outcome":"DeadLetter","reason":"S"}]}`,
			`settlement of the message in line 1: outcome is "Complete", want "Defer"|settlement of the message in line 3: reason is "R", want "S"`},
		{`{"messages":{}}`, `Out: none is expected, got 2; the first: {"subject":"s","body":{"n":1,"list":[1,2]}}`},
		{`{"messages":{"Out":[{},{},{"subject":"t"}],"Other":[{}]}}`,
			`Out[2]: there is no such message: {"subject":"t"}|Other[0]: there is no such message: {}`},
		{`{"messages":{"Out":[{"body":{"n":1,"list":[1,3]}},{"body":{"n":2}}]}}`,
			`Out[0]: there is no such message; of the closest body.list[1] is 2, want 3`},
		{`{"messages":{"Out":[{"body":{"n":1,"list":[1]}},{"body":"x"}]}}`,
			`Out[0]: there is no such message; of the closest body.list is [1,2], want [1]|` +
				`Out[1]: there is no such message; of the closest body is {"n":2}, want "x"`},
		{`{"runs":["Succeeded"]}`, "runs: a run that is not expected: P Failed no"},
		{`{"runs":["Cancelled","Failed"]}`, `runs[0]: there is no such run; of the closest status is "Succeeded", want "Cancelled"`},
	} {
		x, err := ParseExpectation([]byte(c.expect))
		if err != nil {
			t.Errorf("%s: %v", c.expect, err)
			continue
		}
		if got := strings.Join(x.Compare(r), "|"); got != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.expect, got, c.want)
		}
	}
}

// TestParseExpectation: a mistake in the file is named, and is no difference.
// TestSucceeded: the failure of a run that another one waited for is that one's to judge.
func TestSucceeded(t *testing.T) {
	for _, c := range []struct {
		name string
		runs []Run
		want bool
	}{
		{"no run", nil, true},
		{"a run failed", []Run{{Succeeded: true, id: "a"}, {id: "b"}}, false},
		{"its failure was handled", []Run{{Succeeded: true, id: "a", failures: []string{"b"}}, {id: "b"}}, true},
		{"its failure was not", []Run{{id: "a", failures: []string{"b"}}, {id: "b"}}, false},
	} {
		r := Result{Runs: c.runs}
		if got := r.Succeeded(); got != c.want {
			t.Errorf("%s: got %t, want %t", c.name, got, c.want)
		}
	}
}

func TestParseExpectation(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{`[]`, "is no JSON object but an array"},
		{`{"settled":[]}`, "$.settled is not known"},
		{`{"settlements":{}}`, "$.settlements should be an array"},
		{`{"settlements":[1]}`, "$.settlements[0] should be an outcome"},
		{`{"settlements":["complete"]}`, `$.settlements[0] has the outcome "complete"; there are Complete, `},
		{`{"settlements":[{"outcome":1}]}`, "$.settlements[0].outcome should be a text"},
		{`{"settlements":[{"reson":"x"}]}`, "$.settlements[0].reson is not known"},
		{`{"messages":{"q":{}}}`, "$.messages.q should be an array"},
		{`{"messages":{"q":[{},1]}}`, "$.messages.q[1] should be an object"},
		{`{"runs":[1]}`, "$.runs[0] should be a status"},
		{`{"runs":["succeeded"]}`, `$.runs[0] has the status "succeeded"; there are Succeeded, Failed, Cancelled, `},
		{`{"runs":["Succeeded",{"status":"Canceled"}]}`, `$.runs[1] has the status "Canceled"; there are `},
		{`{"runs":[{"activities":{"A":{"status":"Skiped"}}}]}`, `$.runs[0].activities.A has the status "Skiped"; there are Succeeded, Failed, Cancelled, Skipped, `},
		{`{"runs":[{"status":7}]}`, `$.runs[0] has the status 7; there are `},
	} {
		if _, err := ParseExpectation([]byte(c.in)); err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", c.in, err, c.want)
		}
	}
}

// TestPairs: as many as can be are paired, whatever their order.
func TestPairs(t *testing.T) {
	for _, c := range []struct {
		fits []string // for each expected one, those that fit
		m    int
		want []int
	}{
		{[]string{"012", "0"}, 3, []int{1, 0}},
		{[]string{"01", "02", "0"}, 3, []int{1, 2, 0}},
		{[]string{"0", "0"}, 2, []int{0, -1}},
		{nil, 2, []int{}},
	} {
		got := pairs(len(c.fits), c.m, func(i, j int) bool { return strings.Contains(c.fits[i], string(rune('0'+j))) })
		if !slices.Equal(got, c.want) {
			t.Errorf("%q of %d: %v, want %v", c.fits, c.m, got, c.want)
		}
	}
}
