package pipeline

import (
	"slices"
	"strings"
	"testing"

	"switchyard/value"
)

// minimal is a definition of each type that names another property or needs a
// certain value; of the others the required properties do with any text.
var minimal = map[string]string{
	"AppendVariable":         `{"variableName":"a","value":1}`,
	"AzureMLExecutePipeline": `{"mlPipelineEndpointId":"x"}`,
	"Delete":                 `{"dataset":{"referenceName":"DS","type":"DatasetReference","parameters":{"path":"x"}}}`,
	"ExecutePipeline":        `{"pipeline":{"referenceName":"Child","type":"PipelineReference"},"parameters":{"x":1},"waitOnCompletion":true}`,
	"Filter":                 `{"items":"@createArray(1)","condition":"@equals(item(),1)"}`,
	"ForEach":                `{"items":"@createArray(1)","activities":[]}`,
	"GetMetadata":            `{"dataset":{"referenceName":"DS","type":"DatasetReference","parameters":{"path":"x"}}}`,
	"IfCondition":            `{"expression":"@bool(1)"}`,
	"Lookup":                 `{"source":{},"dataset":{"referenceName":"DS","type":"DatasetReference","parameters":{"path":"x"}}}`,
	"SetVariable":            `{"variableName":"s","value":"x"}`,
	"Switch":                 `{"on":"x","cases":[{"value":"x","activities":[]}]}`,
	"Until":                  `{"expression":"@bool(1)","activities":[]}`,
	"Validation":             `{"dataset":{"referenceName":"DS","type":"DatasetReference","parameters":{"path":"x"}}}`,
	"Wait":                   `{"waitTimeInSeconds":1}`,
	"WebActivity":            `{"method":"GET","url":"http://x"}`,
	"WebHook":                `{"method":"post","url":"http://x"}`,
	"ServiceBusSend":         `{"queueName":"q","body":{"a":1}}`,
	"ServiceBusSettle":       `{"sequenceNumber":1,"outcome":"DeadLetter"}`,
}

func minimalOf(t *ActivityType) *value.Object {
	o := &value.Object{}
	if text, ok := minimal[t.Name]; ok {
		v, err := value.Parse([]byte(text))
		if err != nil {
			panic(err)
		}
		return v.(*value.Object)
	}
	for _, p := range t.Properties {
		if p.Required {
			o.Set(p.Name, "x")
		}
	}
	return o
}

// check reads and validates one activity and returns what is wrong, sorted,
// with paths from typeProperties on.
func check(t *testing.T, typ string, tp *value.Object) []string {
	t.Helper()
	a := value.NewObject(
		value.Member{Name: "name", Value: "A"}, value.Member{Name: "type", Value: typ},
		value.Member{Name: "typeProperties", Value: tp})
	if row := LookupActivityType(typ); row != nil && row.NeedsLinkedService {
		a.Set("linkedServiceName", value.NewObject(
			value.Member{Name: "referenceName", Value: "Bus"}, value.Member{Name: "type", Value: "LinkedServiceReference"}))
	}
	p, ds := ParsePipeline("pipeline/P.json", []byte(activityFile(string(value.Append(nil, a)))))
	f := testFactory(t)
	f.Strict = true
	f.PutPipeline(p)
	ds = append(ds, f.ValidatePipeline(p)...)
	var out []string
	for _, d := range ds {
		if d.Message == `activities of type "`+typ+`" are not supported` {
			continue
		}
		out = append(out, strings.TrimPrefix(d.Path, "$.properties.activities[0].typeProperties.")+": "+d.Message)
	}
	slices.Sort(out)
	return out
}

func without(o *value.Object, names ...string) *value.Object {
	out := &value.Object{}
	for _, m := range o.Members() {
		if !slices.Contains(names, m.Name) {
			out.Set(m.Name, m.Value)
		}
	}
	return out
}

// TestMinimal: of each type, a definition with what it must have is good, one
// that lacks any of it is told what, and an unsupported type is told by name.
func TestMinimal(t *testing.T) {
	for i := range activityTypes {
		row := &activityTypes[i]
		tp := minimalOf(row)
		if got := check(t, row.Name, tp); got != nil {
			t.Errorf("%s %s: %q, want nothing wrong", row.Name, value.Append(nil, tp), got)
		}
		if got := check(t, strings.ToUpper(row.Name), tp); got != nil {
			t.Errorf("%s in capitals: %q, want nothing wrong", row.Name, got)
		}
		for _, p := range row.Properties {
			if !p.Required {
				continue
			}
			want := p.Name + ": is missing"
			if p.Or != "" {
				want += ", and so is " + p.Or
			}
			lacks := without(tp, p.Name, p.Or)
			lacks.Set(p.Name, nil) // null is absent
			if got := check(t, row.Name, lacks); !slices.Equal(got, []string{want}) {
				t.Errorf("%s without %s: %q, want %q", row.Name, p.Name, got, want)
			}
		}
		p, _ := ParsePipeline("pipeline/P.json", []byte(activityFile(`{"name":"A","type":"`+row.Name+`","typeProperties":{}}`)))
		refused := slices.ContainsFunc((&Factory{}).ValidatePipeline(p), func(d Diagnostic) bool {
			return d.Path == "$.properties.activities[0].type" && d.Severity == SeverityWarning &&
				d.Message == `activities of type "`+row.Name+`" are not supported`
		})
		if refused == row.Supported {
			t.Errorf("%s is supported: %v, and refused: %v", row.Name, row.Supported, refused)
		}
	}
}

// TestWrongKinds: a value of the wrong kind is told with its place, in each
// property of the types that run here; an expression is always good.
func TestWrongKinds(t *testing.T) {
	wrong := map[PropertyKind]value.Value{
		TextProperty: int64(3), IntegerProperty: "x", CountProperty: "soon", BooleanProperty: "maybe", ObjectProperty: value.Array{},
		ScalarsProperty: value.NewObject(value.Member{Name: "m", Value: value.Array{}}), TimespanProperty: "soon",
		ObjectsProperty: value.NewObject(value.Member{Name: "zork", Value: true}), ActivitiesProperty: "x", CasesProperty: "x",
	}
	for i := range activityTypes {
		row := &activityTypes[i]
		if !row.Supported {
			continue
		}
		for _, p := range row.Properties {
			bad, ok := wrong[p.Kind]
			if !ok {
				continue
			}
			tp := without(minimalOf(row), p.Or)
			for _, other := range row.Properties {
				if other.Or == p.Name {
					tp = without(tp, other.Name)
				}
			}
			tp.Set(p.Name, bad)
			got := check(t, row.Name, tp)
			if len(got) == 0 || !strings.HasPrefix(got[0], p.Name) {
				t.Errorf("%s with %s %s: %q, want a diagnostic of it", row.Name, p.Name, value.Append(nil, bad), got)
			}
			if p.Static || p.Branches() {
				continue
			}
			tp.Set(p.Name, "@string(1)")
			if got := check(t, row.Name, tp); got != nil {
				t.Errorf("%s with an expression as %s: %q, want nothing wrong", row.Name, p.Name, got)
			}
		}
		tp := minimalOf(row)
		tp.Set("zork", int64(1))
		want := []string{"zork: is not a property of this type"}
		if !row.Closed {
			want = nil
		}
		if got := check(t, row.Name, tp); !slices.Equal(got, want) {
			t.Errorf("%s with an unknown property: %q, want %q", row.Name, got, want)
		}
	}
}

// TestPropertyTexts pins what is said of each kind.
func TestPropertyTexts(t *testing.T) {
	for _, c := range []struct {
		typ, name, value string
		want             []string
	}{
		{"Wait", "waitTimeInSeconds", `0`, []string{"waitTimeInSeconds: is 0, want an integer from 1 to 2147483647"}},
		{"WebActivity", "method", `"BREW"`, []string{`method: is "BREW", want one of GET, POST, PUT, PATCH, DELETE`}},
		{"WebActivity", "method", `"post"`, nil},
		{"WebActivity", "url", `5`, []string{"url: is an integer, want text or an expression"}},
		{"WebActivity", "headers", `[]`, []string{"headers: is an array, want an object or an expression"}},
		{"WebActivity", "turnOffAsync", `"TRUE"`, nil},
		{"WebActivity", "turnOffAsync", `3`, []string{"turnOffAsync: is an integer, want a boolean or an expression"}},
		{"WebActivity", "httpRequestTimeout", `"00:10:00"`, nil},
		{"WebActivity", "httpRequestTimeout", `"00:10:01"`, []string{"httpRequestTimeout: is 00:10:01, want at most 00:10:00"}},
		{"WebActivity", "httpRequestTimeout", `60`, []string{"httpRequestTimeout: is an integer, want a timespan or an expression"}},
		{"ForEach", "batchCount", `51`, []string{"batchCount: is 51, want 1 to 50"}},
		{"ForEach", "batchCount", `"@add(1,1)"`, []string{"batchCount: is text, want an integer"}},
		{"ForEach", "isSequential", `"true"`, nil},
		{"ExecutePipeline", "waitOnCompletion", `"False"`, nil},
		{"ExecutePipeline", "waitOnCompletion", `"@bool(1)"`, []string{"waitOnCompletion: is text, want a boolean"}},
		{"ForEach", "activities", `{}`, []string{"activities: is an object, want an array"}},
		{"Until", "timeout", `"91.00:00:00"`, []string{"timeout: is 91.00:00:00, want at most 90.00:00:00"}},
		{"Until", "timeout", `"00:00:00"`, []string{"timeout: is 00:00:00, want more than 0"}},
		{"SetVariable", "variableName", `{"value":"@guid()","type":"Expression"}`, []string{"variableName: is an object, want text"}},
		{"Switch", "cases", `[{"activities":[]},{"value":1.5},3]`, []string{
			"cases[0].value: is missing", "cases[1].value: another case*", "cases[1].value: is a number, want text", "cases[2]: is an integer, want an object"}},
		{"ServiceBusSend", "timeToLive", `"00:00:00"`, []string{"timeToLive: is 00:00:00, want more than 0"}},
		{"ServiceBusSend", "applicationProperties", `{"a":1,"b":null,"c":{},"d":{"value":"@guid()","type":"Expression"}}`, []string{
			"applicationProperties.b: is null, want text, a number, a boolean or an expression",
			"applicationProperties.c: is an object, want text, a number, a boolean or an expression"}},
		{"ServiceBusSend", "settle", `7`, []string{"settle: is an integer, want an object"}},
		{"ServiceBusSend", "settle", `[{"sequenceNumber":1,"outcome":"Complete"},{"outcome":"Defer","reason":"r"}]`, []string{
			"settle[1].reason: belongs to the outcome DeadLetter, the outcome is Defer", "settle[1].sequenceNumber: is missing*"}},
		{"ServiceBusSend", "settle", `[{"lockToken":"t","outcome":"Abandon","propertiesToModify":{"tries":2}}]`, nil},
		{"ServiceBusSend", "settle", `{"sequenceNumber":1,"lockToken":"t","outcome":"Complete"}`, []string{
			"settle.lockToken: stands beside sequenceNumber; give one of the two"}},
		{"ServiceBusSettle", "outcome", `"complete"`, []string{`outcome: "complete" is none of Complete, Abandon, Defer, DeadLetter`}},
		{"ServiceBusSettle", "sequenceNumber", `"7"`, []string{"sequenceNumber: is text, want an integer or an expression"}},
		{"ServiceBusSettle", "lockToken", `"t"`, []string{"lockToken: stands beside sequenceNumber; give one of the two"}},
	} {
		tp := minimalOf(LookupActivityType(c.typ))
		v, err := value.Parse([]byte(c.value))
		if err != nil {
			t.Fatal(err)
		}
		tp.Set(c.name, v)
		got := check(t, c.typ, tp)
		slices.Sort(c.want)
		match := func(got, want string) bool {
			prefix, cut := strings.CutSuffix(want, "*")
			return got == want || cut && strings.HasPrefix(got, prefix)
		}
		if !slices.EqualFunc(got, c.want, match) {
			t.Errorf("%s with %s %s:\n got %q\nwant %q", c.typ, c.name, c.value, got, c.want)
		}
	}
}

// TestTable: the rows are in order and say nothing twice.
func TestTable(t *testing.T) {
	last := ""
	for i := range activityTypes {
		row := &activityTypes[i]
		if !row.Extension && strings.ToLower(row.Name) < last {
			t.Errorf("%s stands after %s", row.Name, last)
		}
		last = strings.ToLower(row.Name)
		if LookupActivityType(last) != row {
			t.Errorf("%s is there twice", row.Name)
		}
		if row.Supported && row.Doc == "" {
			t.Errorf("%s has no documentation", row.Name)
		}
		for k, p := range row.Properties {
			if row.Property(p.Name) != &row.Properties[k] {
				t.Errorf("%s has the property %s twice", row.Name, p.Name)
			}
			if p.Or != "" && row.Property(p.Or) == nil && row.Supported {
				t.Errorf("%s: %s can be replaced by %s, which is no property", row.Name, p.Name, p.Or)
			}
		}
	}
	if LookupActivityType("Teleport") != nil || SupportedActivity("copy") || !SupportedActivity("foreach") {
		t.Error("Teleport is known, Copy is supported or ForEach is not")
	}
}
