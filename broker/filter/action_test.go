package filter_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"switchyard/broker/filter"
)

func show(changes []filter.Change) string {
	var b strings.Builder
	for _, c := range changes {
		name := c.Name
		if c.System != 0 {
			name = "sys." + c.System.String()
		}
		if c.Remove {
			fmt.Fprintf(&b, "-%s ", name)
		} else {
			fmt.Fprintf(&b, "%s=%T:%v ", name, c.Value, c.Value)
		}
	}
	return strings.TrimSpace(b.String())
}

func TestAction(t *testing.T) {
	for _, c := range []struct{ expression, want string }{
		{"SET x = 1", "x=int64:1"},
		{"set x = 1.5", "x=float64:1.5"},
		{"SET x='y'", "x=string:y"},
		{"SET x = TRUE", "x=bool:true"},
		{"SET x = NULL", "x=<nil>:<nil>"},
		{"SET x = missing + 1", "x=<nil>:<nil>"}, // does not fail the action
		{"SET x = a + b", "x=int64:3"},
		{"REMOVE color", "-color"},
		{"REMOVE [my-prop]", "-my-prop"},
		{"REMOVE nothing", "-nothing"},
		{"SET x = 1; SET y = 2", "x=int64:1 y=int64:2"},
		{"SET x = 1, REMOVE a;", "x=int64:1 -a"},
		{"SET MessageID=@a SET MessageID=@b", "MessageID=string:A MessageID=string:B"}, // a user property
		{"SET a = a + 1 SET a = a + 1", "a=int64:2 a=int64:3"},
		{"SET x = 5 REMOVE x SET y = x", "x=int64:5 -x y=<nil>:<nil>"},
		{"SET sys.Label = 'L' + color", "sys.Label=string:Lred"},
		{"SET sys.Subject = 'x' SET y = sys.Label", "sys.Label=string:x y=string:x"},
		{"SET sys.Label = NULL", "sys.Label=<nil>:<nil>"},
		{"SET sys.Label = NULL SET y = sys.Label", "sys.Label=<nil>:<nil> y=<nil>:<nil>"},
		{"SET sys.SessionId = newid()", "sys.SessionId=string:" + guid.String()},
		{"SET sys.CorrelationId = 12", "sys.CorrelationId=string:12"},
		{"SET sys.TimeToLive = '00:01:30'", "sys.TimeToLive=time.Duration:1m30s"},
		{"SET sys.TimeToLive = '1.02:00:00'", "sys.TimeToLive=time.Duration:26h0m0s"},
		{"SET sys.TimeToLive = span", "sys.TimeToLive=time.Duration:1h0m0s"},
		{"SET sys.TimeToLive = 'soon'", "!"},
		{"SET sys.TimeToLive = 5", "!"},
		{"SET sys.ScheduledEnqueueTimeUtc = '2031-05-06T12:00:00Z'", "sys.ScheduledEnqueueTimeUtc=time.Time:2031-05-06 12:00:00 +0000 UTC"},
		{"SET sys.ScheduledEnqueueTimeUtc = at", "sys.ScheduledEnqueueTimeUtc=time.Time:2031-05-06 12:00:00 +0000 UTC"},
		{"SET sys.To = raw", "!"},
		{"SET x = sys.To", "x=<nil>:<nil>"}, // a system property without a value is NULL
		{"SET x = 1 / 0", "!"},
		{"SET a = '7'", "a=int64:7"}, // the type that it has
		{"SET a = 2.0", "a=int64:2"},
		{"SET a = 2.5", "a=float64:2.5"},
		{"SET a = 'x'", "a=string:x"},
		{"SET color = 5", "color=string:5"},
		{"SET half = 1", "half=float64:1"},
		{"SET flag = 'False'", "flag=bool:false"},
		{"SET x = newid()", "x=filter.UUID:" + guid.String()},
		{"SET x = 'a' SET x = x+x SET x = x+x", "x=string:a x=string:aa x=string:aaaa"},
		{"SET x = p('color')", "x=string:red"},

		{"", ""},
		{" \n", ""},
		{";", "!syntax"},
		{"SET x", "!syntax"},
		{"SET x =", "!syntax"},
		{"SET x = a = 1", "!syntax"}, // no conditions
		{"SET set = 1", "!syntax"},
		{"SET [set] = 1", "set=int64:1"},
		{"REMOVE sys.Label", "!syntax"},
		{"SET sys.SequenceNumber = 1", "!syntax"},
		{"SET sys.Size = 1", "!syntax"},
		{"SET sys.Nothing = 1", "!syntax"},
		{"SET @a = 1", "!syntax"},
		{"DELETE x", "!syntax"},
		{"SET x = 1 x", "!syntax"},
		{strings.Repeat("SET x=1 ", 32), strings.TrimSpace(strings.Repeat("x=int64:1 ", 32))},
		{strings.Repeat("SET x=1 ", 33), "!syntax"},
		{"SET x = '" + strings.Repeat("x", 1000) + "' " + strings.Repeat(" ", 20), "!syntax"},
	} {
		p, err := filter.Action{Expression: c.expression, Parameters: filter.Values{"a": "A", "@b": "B"}}.Compile()
		got := "!syntax"
		if err == nil {
			got = ""
		} else if !errors.Is(err, filter.ErrInvalid) {
			t.Errorf("%s: error %v does not wrap ErrInvalid", c.expression, err)
		}
		if p != nil {
			changes, err := p.Run(order())
			got = show(changes)
			if errors.Is(err, filter.ErrEvaluation) && changes == nil {
				got = "!"
			} else if err != nil {
				got = err.Error()
			}
		}
		if got != c.want {
			t.Errorf("%s: got %s, want %s", c.expression, got, c.want)
		}
	}
}

// TestActionGrowth: doubling a text over and over ends in an error, not in
// memory.
func TestActionGrowth(t *testing.T) {
	p, err := filter.Action{Expression: "SET x='0123456789'" + strings.Repeat(" SET x=x+x", 31)}.Compile()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Run(order()); !errors.Is(err, filter.ErrEvaluation) {
		t.Errorf("got error %v, want ErrEvaluation", err)
	}
}

func TestValuesJSON(t *testing.T) {
	want := filter.Values{"null": nil, "bool": true, "long": int64(-5), "double": 0.1, "string": "täxt", "time": noon, "span": -time.Hour, "guid": guid, "bytes": []byte{0, 255}}
	b, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got filter.Values
	if err := json.Unmarshal(b, &got); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, error %v; want %v", got, err, want)
	}
	for _, bad := range []string{`{"a":{"type":"long","value":"x"}}`, `{"a":{"type":"guid","value":"x"}}`, `{"a":{"type":"colour"}}`, `[]`} {
		if err := json.Unmarshal([]byte(bad), &got); err == nil {
			t.Errorf("%s: no error", bad)
		}
	}
	if _, err := json.Marshal(filter.Values{"a": struct{}{}}); err == nil {
		t.Error("a struct: no error")
	}
}
