package expr_test

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"switchyard/expr"
	"switchyard/expr/exprtest"
	"switchyard/value"
)

func TestReferences(t *testing.T) {
	const in = "@if(equals(activity('A').output[variables('v')], pipeline().parameters['p']), Item()?.x, concat(activity(item()).error, variables(concat('a')), pipeline().GlobalParameters.g, pipeline().RunId, pipeline()?.TriggerId, nope(1, 2)))"
	tpl, err := expr.Parse(in)
	if err != nil {
		t.Fatal(err)
	}
	r := tpl.References()
	at := func(name, text string) expr.Reference {
		return expr.Reference{Name: name, Offset: strings.Index(in, text)}
	}
	check := func(what string, got, want []expr.Reference) {
		t.Helper()
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %v, want %v", what, got, want)
		}
	}
	check("activities", r.Activities, []expr.Reference{at("A", "'A'")})
	check("variables", r.Variables, []expr.Reference{at("v", "'v'")})
	check("parameters", r.Parameters, []expr.Reference{at("p", "['p']")})
	check("global parameters", r.GlobalParameters, []expr.Reference{at("g", ".g,")})
	check("system variables", r.SystemVariables, []expr.Reference{at("RunId", ".RunId")})
	if r.ComputedActivities != 1 || r.ComputedVariables != 1 {
		t.Errorf("got %d computed activities and %d computed variables, want 1 and 1", r.ComputedActivities, r.ComputedVariables)
	}
	if !r.Item || !r.Pipeline || r.Dataset || r.LinkedService || r.Trigger || r.TriggerBody {
		t.Errorf("got %+v", r)
	}
	var calls []string
	for _, c := range r.Calls {
		calls = append(calls, c.Name)
		if c.Name == "nope" && (c.Args != 2 || c.Offset != strings.Index(in, "nope")) {
			t.Errorf("got %+v", c)
		}
	}
	want := "if equals activity variables pipeline Item concat activity item variables concat pipeline pipeline pipeline nope"
	if got := strings.Join(calls, " "); got != want {
		t.Errorf("calls: got %s, want %s", got, want)
	}
}

func TestReferencesOfParts(t *testing.T) {
	tpl, err := expr.Parse("a@{dataset().d}b@{linkedService().l}@{trigger().x}@{triggerBody()}")
	if err != nil {
		t.Fatal(err)
	}
	r := tpl.References()
	if !r.Dataset || !r.LinkedService || !r.Trigger || !r.TriggerBody || r.Item {
		t.Errorf("got %+v", r)
	}
	if len(r.DatasetParameters) != 1 || r.DatasetParameters[0].Name != "d" || len(r.LinkedServiceParameters) != 1 || r.LinkedServiceParameters[0].Name != "l" {
		t.Errorf("got dataset %v, linked service %v", r.DatasetParameters, r.LinkedServiceParameters)
	}
	literal, err := expr.Parse("@@{activity('x')}")
	if err != nil || len(literal.References().Calls) != 0 {
		t.Errorf("a literal refers to %v, %v", literal.References(), err)
	}
}

// TestEveryFunctionHasVectors keeps the table and the vectors together.
func TestEveryFunctionHasVectors(t *testing.T) {
	called := map[string]bool{}
	for _, v := range allVectors(t) {
		if tpl, err := expr.Parse(value.Text(v.Expr)); err == nil && !v.WantError {
			for _, c := range tpl.References().Calls {
				called[strings.ToLower(c.Name)] = true
			}
		}
	}
	names := map[string]bool{}
	for _, f := range expr.Functions() {
		if names[f.Name] {
			t.Errorf("the function %s is in the table twice", f.Name)
		}
		names[f.Name] = true
		if !called[strings.ToLower(f.Name)] {
			t.Errorf("no vector calls %s", f.Name)
		}
		got, ok := expr.LookupFunction(strings.ToUpper(f.Name))
		if !ok || got != f.Function {
			t.Errorf("LookupFunction(%s): got %v, %v", strings.ToUpper(f.Name), got, ok)
		}
		if f.MaxArgs >= 0 && f.MaxArgs < f.MinArgs || f.Family == "" {
			t.Errorf("%+v", f)
		}
	}
	if _, ok := expr.LookupFunction("slice"); ok {
		t.Error("slice is no function of Data Factory")
	}
}

func allVectors(t testing.TB) []exprtest.Vector {
	t.Helper()
	b, err := os.ReadFile("testdata/expressions.json")
	if err != nil {
		t.Fatal(err)
	}
	vectors, err := exprtest.ParseJSONVectors(b)
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		more, err := exprtest.ParseTextVectors(string(b))
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		vectors = append(vectors, more...)
	}
	return vectors
}
