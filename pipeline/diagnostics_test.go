package pipeline

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"switchyard/value"
)

// lines are diagnostics as "path: message", sorted.
func lines(ds Diagnostics) []string {
	var out []string
	for _, d := range ds {
		out = append(out, d.Path+": "+d.Message)
	}
	slices.Sort(out)
	return out
}

func wantLines(t *testing.T, what string, ds Diagnostics, want ...string) {
	t.Helper()
	slices.Sort(want)
	if got := lines(ds); !slices.Equal(got, want) {
		t.Errorf("%s:\n got %s\nwant %s", what, strings.Join(got, "\n     "), strings.Join(want, "\n     "))
	}
}

// TestDocuments: what is no definition at all is told in one line, by each
// parser.
func TestDocuments(t *testing.T) {
	parsers := map[string]func(file string, data []byte) Diagnostics{
		"pipeline":      func(file string, data []byte) Diagnostics { _, ds := ParsePipeline(file, data); return ds },
		"dataset":       func(file string, data []byte) Diagnostics { _, ds := ParseDataset(file, data); return ds },
		"linkedService": func(file string, data []byte) Diagnostics { _, ds := ParseLinkedService(file, data); return ds },
		"trigger":       func(file string, data []byte) Diagnostics { _, ds := ParseTrigger(file, data); return ds },
	}
	for kind, parse := range parsers {
		for _, c := range []struct{ file, text, want string }{
			{"x.json", "", "$: not a JSON document: unexpected end of text, want a value"},
			{"x.json", "[1]", "$: is an array, want an object"},
			{"x.json", "null", "$: is null, want an object"},
			{"x.json", "\xFF\xFEx", "$: UTF-16 text of an odd number of bytes"},
			{"x.json", "{}", "$.properties: is missing"},
			{"x.json", `{"properties":null}`, "$.properties: is missing"},
			{"x.json", `{"properties":7}`, "$.properties: is an integer, want an object"},
		} {
			wantLines(t, kind+" "+c.text, parse(c.file, []byte(c.text)), c.want)
		}
		wantLines(t, kind+" without name and file", parse("", []byte(`{"x":1}`)), "$.name: is missing", "$.properties: is missing")
	}
	if _, ds := ParseFactory("factory/f.json", []byte("7")); ds.Err() == nil {
		t.Error("a factory that is a number: no error")
	}
}

func TestNames(t *testing.T) {
	for _, c := range []struct{ name, want string }{
		{`"Grün 1_ok-x"`, ""}, {`"_x"`, ""}, {`"9"`, ""},
		{`"-x"`, `$.name: pipeline name "-x" must start with a letter, a digit or an underscore`},
		{`"a/b"`, `$.name: pipeline name "a/b" must not contain '/'`},
		{`" "`, "$.name: is empty"},
		{`7`, "$.name: is an integer, want text"},
		{`"` + strings.Repeat("ä", 141) + `"`, "$.name: pipeline name of 141 characters, at most 140 are allowed"},
	} {
		_, ds := ParsePipeline("p.json", []byte(`{"name":`+c.name+`,"properties":{}}`))
		if c.name == `" "` {
			wantLines(t, c.name, ds, c.want, `$.name: pipeline name " " must start with a letter, a digit or an underscore`)
			continue
		}
		if c.want == "" {
			wantLines(t, c.name, ds)
		} else {
			wantLines(t, c.name, ds, c.want)
		}
	}
}

// TestDeclarations: parameters and variables.
func TestDeclarations(t *testing.T) {
	var many []string
	for i := range 51 {
		many = append(many, `"p`+strings.Repeat("x", i)+`":{"type":"string"}`)
	}
	const p, v = "$.properties.parameters", "$.properties.variables"
	for _, c := range []struct {
		name, properties string
		want             []string
	}{
		{"all types", `"parameters":{"a":{"type":"string"},"b":{"type":"INT"},"c":{"type":"securestring"},"d":{"type":"Array","defaultValue":[]}},
			"variables":{"a":{"type":"String"},"b":{"type":"Boolean","defaultValue":"false"},"c":{"type":"int","defaultValue":3}}`, nil},
		{"wrong parameters", `"parameters":{"a":7,"b":{},"c":{"type":"date"},"d":{"type":3},"A":{"type":"Int"}}`, []string{
			p + ".a: is an integer, want an object", p + ".b.type: is missing", p + `.c.type: "date" is no parameter type`,
			p + ".d.type: is an integer, want text", p + `.A: parameter "A" is declared twice`}},
		{"no parameters", `"parameters":[]`, []string{p + ": is an array, want an object"}},
		{"a default of another type", `"parameters":{"a":{"type":"Int","defaultValue":"x"}}`, []string{
			p + `.a.defaultValue: parameter "a" of type Int does not take a value of type String`}},
		{"too many", `"parameters":{` + strings.Join(many, ",") + `}`, []string{p + ": 51 parameters, at most 50 are allowed"}},
		{"wrong variables", `"variables":{"a":null,"b":{},"c":{"type":"date"},"B":{"type":"String"},"d":{"type":"Integer","defaultValue":"x"}}`, []string{
			v + ".a: is null, want an object", v + ".b.type: is missing", v + `.c.type: "date" is no variable type`,
			v + `.B: variable "B" is declared twice`, v + ".d.defaultValue: The variable 'd' of type 'Integer' cannot be initialized or updated" +
				" with value of type 'String'. The variable 'd' only supports values of types 'Integer'."}},
		{"concurrency", `"concurrency":0,"annotations":{},"folder":[]`, []string{
			"$.properties.annotations: is an object, want an array", "$.properties.concurrency: is 0, want at least 1",
			"$.properties.folder: is an array, want an object"}},
		{"a whole float", `"concurrency":2.0`, nil},
		{"a broken one", `"concurrency":2.5`, []string{"$.properties.concurrency: is a number, want an integer"}},
	} {
		_, ds := ParsePipeline("p.json", []byte(`{"name":"P","properties":{`+c.properties+`}}`))
		wantLines(t, c.name, ds, c.want...)
	}
}

// TestReferencesInFiles: references of datasets and linked services.
func TestReferencesInFiles(t *testing.T) {
	const at = "$.properties.linkedServiceName"
	for _, c := range []struct {
		name, service string
		want          []string
	}{
		{"good", `{"referenceName":"http","type":"LinkedServiceReference"}`, nil},
		{"without type", `{"referenceName":"http"}`, nil},
		{"another type", `{"referenceName":"http","type":"DatasetReference"}`, []string{at + `.type: is "DatasetReference", want "LinkedServiceReference"`}},
		{"text", `"http"`, []string{at + ": is text, want an object"}},
		{"absent", `null`, []string{at + ": is missing"}},
		{"nameless", `{"type":"LinkedServiceReference"}`, []string{at + ".referenceName: is missing"}},
		{"expression", `{"referenceName":"@{x}","type":"LinkedServiceReference"}`, []string{at + ".referenceName: is an expression, want a name"}},
		{"parameters", `{"referenceName":"http","parameters":7}`, []string{at + ".parameters: is an integer, want an object"}},
	} {
		_, ds := ParseDataset("d.json", []byte(`{"name":"D","properties":{"type":"Json","linkedServiceName":`+c.service+`}}`))
		wantLines(t, c.name, ds, c.want...)
	}
	l, ds := ParseLinkedService("l.json", []byte(`{"name":"L","properties":{"type":"X","connectVia":{"referenceName":"R","type":"IntegrationRuntimeReference"}}}`))
	if len(ds) > 0 || l.ConnectVia == nil || l.ConnectVia.Name != "R" || l.TypeProperties == nil {
		t.Errorf("linked service %+v, %v; want one via R with empty typeProperties", l, ds)
	}
	_, ds = ParseLinkedService("l.json", []byte(`{"name":"L","properties":{"type":"X","typeProperties":[]}}`))
	wantLines(t, "typeProperties", ds, "$.properties.typeProperties: is an array, want an object")
}

func TestGlobalParameters(t *testing.T) {
	const at = "$.properties.globalParameters"
	f, ds := ParseFactory("f.json", []byte(`{"name":"F","properties":{"globalParameters":{
		"a":{"type":"int","value":"7"},"b":{"type":"Array","value":[1]},"c":7,"d":{"type":"String"},"e":{"value":1},
		"f":{"type":"SecureString","value":"x"},"g":{"type":"Bool","value":"maybe"}}}}`))
	wantLines(t, "global parameters", ds, at+".c: is an integer, want an object", at+".d.value: is missing", at+".e.type: is missing",
		at+`.f.type: "SecureString" is no type of a global parameter`,
		at+`.g.value: parameter "g" of type Bool does not take a value of type String`)
	if a, _ := f.GlobalParameters.Get("a"); a != int64(7) {
		t.Errorf("a is %v, want the integer 7", a)
	}
	for _, file := range []string{`{"name":"F"}`, `{"name":"F","properties":null}`} {
		if f, ds := ParseFactory("f.json", []byte(file)); len(ds) > 0 || f.GlobalParameters.Len() != 0 {
			t.Errorf("%s: %v; want a factory without global parameters", file, ds)
		}
	}
}

func TestRetryCount(t *testing.T) {
	for _, c := range []struct {
		in   value.Value
		want int
		ok   bool
	}{
		{nil, 0, true}, {int64(0), 0, true}, {int64(3), 3, true}, {3.0, 3, true}, {" 4 ", 4, true},
		{int64(-1), 0, false}, {1.5, 0, false}, {"x", 0, false}, {"-1", 0, false}, {true, 0, false}, {int64(math.MaxInt32) + 1, 0, false},
	} {
		if got, err := RetryCount(c.in); got != c.want || (err == nil) != c.ok {
			t.Errorf("%v: got %d, %v; want %d, good: %v", c.in, got, err, c.want, c.ok)
		}
	}
}

// TestVariableConvert: only a Boolean variable takes another type, its text.
func TestVariableConvert(t *testing.T) {
	values := []value.Value{"x", "TRUE", true, int64(1), 1.5, value.Array{}, &value.Object{}, nil}
	for typ, good := range map[VariableType][]value.Value{
		VariableString: {"x", "TRUE"}, VariableBoolean: {"TRUE", true}, VariableInteger: {int64(1)}, VariableArray: {value.Array{}},
	} {
		v := &Variable{Name: "v", Type: typ}
		for _, val := range values {
			_, err := v.Convert(val)
			want := slices.ContainsFunc(good, func(g value.Value) bool { return value.Equal(g, val) })
			var bad *VariableError
			if (err == nil) != want || err != nil && (!errors.As(err, &bad) || bad.Got != TypeName(val)) {
				t.Errorf("%s of %v: error %v, want it taken: %v", typ, val, err, want)
			}
		}
		if _, err := v.Convert(typ.Zero()); err != nil {
			t.Errorf("%s does not take its zero value: %v", typ, err)
		}
	}
	if b, _ := (&Variable{Type: VariableBoolean}).Convert(" true "); b != true {
		t.Errorf("a Boolean of the text true is %v", b)
	}
}

func TestSecureString(t *testing.T) {
	for _, c := range []struct {
		in, want string
		ok       bool
	}{
		{`{"type":"SecureString","value":"s"}`, "s", true}, {`{"type":"securestring","value":""}`, "", true},
		{`{"type":"SecureString","value":7}`, "", false}, {`{"type":"AzureKeyVaultSecret","value":"s"}`, "", false},
		{`{"value":"s"}`, "", false}, {`{}`, "", false},
	} {
		if got, ok := SecureString(jsonObject(t, c.in)); got != c.want || ok != c.ok {
			t.Errorf("%s: got %q, %v; want %q, %v", c.in, got, ok, c.want, c.ok)
		}
	}
	if _, ok := SecureString("text"); ok {
		t.Error("a text is no SecureString object")
	}
}

func TestAttemptTimeout(t *testing.T) {
	for name, want := range map[string]time.Duration{
		"WebActivity": DefaultTimeout, "WebHook": 10 * time.Minute, "Validation": DefaultTimeout, "Teleport": DefaultTimeout,
	} {
		if got := LookupActivityType(name).AttemptTimeout(); got != want {
			t.Errorf("%s: got %v, want %v", name, got, want)
		}
	}
}

// TestDiagnosticTexts: a line names file, place and severity; warnings are no
// error.
func TestDiagnosticTexts(t *testing.T) {
	ds := Diagnostics{{File: "a.json", Path: "$.x", Message: "is wrong", Line: 3, Column: 5},
		{File: "b.json", Path: "$.y", Message: "is odd", Severity: SeverityWarning}}
	if got, want := ds.Error(), "a.json:3:5: error: $.x: is wrong\nb.json: warning: $.y: is odd"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := ds.Err().Error(); got != "a.json:3:5: error: $.x: is wrong" {
		t.Errorf("errors: %q, want the first line alone", got)
	}
	if err := ds[1:].Err(); err != nil {
		t.Errorf("a warning is the error %v", err)
	}
}

// TestLists: a factory's lists keep their order, and readers their list.
func TestLists(t *testing.T) {
	f := testFactory(t)
	clone := f.Clone()
	trigger, _ := ParseTrigger("t.json", []byte(`{"name":"T","properties":{"type":"X"}}`))
	clone.PutTrigger(trigger)
	for name, deleted := range map[string]bool{
		"linked service": clone.DeleteLinkedService("BUS"), "dataset": clone.DeleteDataset("ds"), "trigger": clone.DeleteTrigger("t"),
		"no linked service": !clone.DeleteLinkedService("bus"), "no dataset": !clone.DeleteDataset("ds"), "no trigger": !clone.DeleteTrigger("t"),
	} {
		if !deleted {
			t.Errorf("%s: the wrong answer", name)
		}
	}
	if len(f.LinkedServices) != 2 || len(f.Datasets) != 1 || len(f.Triggers) != 0 || len(clone.LinkedServices) != 1 || len(clone.Datasets) != 0 {
		t.Error("a change of the clone is one of the factory, or none")
	}
	f.PutLinkedService(&LinkedService{Name: "air"})
	var names []string
	for _, l := range f.LinkedServices {
		names = append(names, l.Name)
	}
	if want := []string{"air", "Bus", "Http"}; !slices.Equal(names, want) {
		t.Errorf("linked services %v, want %v", names, want)
	}
}

func TestExcerpt(t *testing.T) {
	long := "@concat('" + strings.Repeat("ä", 100) + "', nope(" + strings.Repeat("1, ", 50) + "2))"
	for _, c := range []struct{ text, at, want string }{
		{"@nope()", "nope", "@nope()\n ^"},
		{"x\n\t@{ä(nope())}\r\ny", "nope", "\t@{ä(nope())}\n\t    ^"},
		{"@concat('a'", "", "@concat('a'\n           ^"},
		{long, "nope", "…" + strings.Repeat("ä", 41) + "', nope(" + strings.Repeat("1, ", 7) + "1,…\n" + strings.Repeat(" ", 45) + "^"},
	} {
		offset := len(c.text)
		if c.at != "" {
			offset = strings.Index(c.text, c.at)
		}
		if got := Excerpt(c.text, offset); got != c.want {
			t.Errorf("Excerpt(%q, %d):\n%s\nwant:\n%s", c.text, offset, got, c.want)
		}
	}
}
