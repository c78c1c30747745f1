package expr_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"switchyard/expr"
	"switchyard/expr/exprtest"
)

// kinds are the kinds of values that an argument can have, each with a letter for
// the tables below, an expression, and the name that messages have for it.
var kinds = []struct{ letter, text, name string }{
	{"n", "null", "Null"}, {"b", "true", "Boolean"}, {"i", "1", "Integer"}, {"f", "1.5", "Float"}, {"s", "'x'", "String"},
	{"a", "createArray(1)", "Array"}, {"o", "json('{\"k\":1}')", "Object"},
}

// argumentKinds says, for a call that is good, which kinds each argument may be of
// while the others stay. Left out are the conversions of text, which convert what
// they are given.
var argumentKinds = []struct {
	name  string
	args  []string
	kinds []string
}{
	{"activity", []string{"'A'"}, []string{"s"}},
	{"variables", []string{"'v'"}, []string{"s"}},
	// [EXPR 5].
	{"concat", []string{"'a'"}, []string{"nbifsao"}},
	{"endsWith", []string{"'a'", "'b'"}, []string{"s", "s"}},
	{"startsWith", []string{"'a'", "'b'"}, []string{"s", "s"}},
	{"guid", []string{"'D'"}, []string{"s"}},
	{"indexOf", []string{"'a'", "'b'"}, []string{"s", "s"}},
	{"lastIndexOf", []string{"'a'", "'b'"}, []string{"s", "s"}},
	{"replace", []string{"'a'", "'b'", "'c'"}, []string{"s", "s", "s"}},
	{"split", []string{"'a'", "'b'"}, []string{"s", "s"}},
	{"substring", []string{"'abc'", "0", "1"}, []string{"s", "i", "i"}},
	{"toLower", []string{"'a'"}, []string{"s"}},
	{"toUpper", []string{"'a'"}, []string{"s"}},
	{"trim", []string{"'a'"}, []string{"s"}},
	// [EXPR 6].
	{"contains", []string{"'a'", "'b'"}, []string{"sao", "s"}},
	{"contains", []string{"createArray(1)", "'x'"}, []string{"sao", "nbifsao"}},
	{"empty", []string{"'a'"}, []string{"nsao"}},
	{"first", []string{"'a'"}, []string{"sa"}},
	{"last", []string{"'a'"}, []string{"sa"}},
	{"intersection", []string{"createArray(1)", "createArray(1)"}, []string{"a", "a"}},
	{"intersection", []string{"json('{}')", "json('{}')"}, []string{"o", "o"}},
	{"union", []string{"createArray(1)", "createArray(1)", "createArray(2)"}, []string{"a", "a", "a"}},
	{"union", []string{"json('{}')", "json('{}')"}, []string{"o", "o"}},
	{"join", []string{"createArray(1)", "'a'"}, []string{"a", "s"}},
	{"length", []string{"'a'"}, []string{"sa"}},
	{"skip", []string{"createArray(1)", "1"}, []string{"sa", "i"}},
	{"take", []string{"'a'", "1"}, []string{"sa", "i"}},
	// [EXPR 7].
	{"and", []string{"true", "true"}, []string{"b", "b"}},
	{"and", []string{"false", "true"}, []string{"b", "nbifsao"}}, // not reached
	{"or", []string{"false", "false"}, []string{"b", "b"}},
	{"or", []string{"true", "false"}, []string{"b", "nbifsao"}},
	{"not", []string{"true"}, []string{"b"}},
	{"if", []string{"true", "1", "2"}, []string{"b", "nbifsao", "nbifsao"}},
	{"equals", []string{"1", "1"}, []string{"nbifsao", "nbifsao"}},
	{"greater", []string{"1", "2"}, []string{"if", "if"}},
	{"greater", []string{"'a'", "'b'"}, []string{"s", "s"}},
	{"greaterOrEquals", []string{"1.5", "2"}, []string{"if", "if"}},
	{"less", []string{"1", "2"}, []string{"if", "if"}},
	{"lessOrEquals", []string{"'a'", "'b'"}, []string{"s", "s"}},
	// [EXPR 8].
	{"array", []string{"1"}, []string{"nbifsao"}},
	{"coalesce", []string{"1"}, []string{"nbifsao"}},
	{"createArray", []string{"1"}, []string{"nbifsao"}},
	{"string", []string{"1"}, []string{"nbifsao"}},
	{"json", []string{"'1'"}, []string{"sao"}},
	{"xml", []string{"'<a/>'"}, []string{"so"}},
	{"xpath", []string{"xml('<a/>')", "'/a'"}, []string{"", "s"}},
	// [EXPR 9].
	{"add", []string{"1", "2"}, []string{"if", "if"}},
	{"sub", []string{"1", "2"}, []string{"if", "if"}},
	{"mul", []string{"1", "2"}, []string{"if", "if"}},
	{"div", []string{"1", "2"}, []string{"if", "if"}},
	{"mod", []string{"1", "2"}, []string{"if", "if"}},
	{"max", []string{"1", "2"}, []string{"if", "if"}},
	{"min", []string{"1", "2", "3"}, []string{"if", "if", "if"}},
	{"max", []string{"createArray(1)"}, []string{"ifa"}},
	{"rand", []string{"1", "2"}, []string{"i", "i"}},
	{"range", []string{"1", "2"}, []string{"i", "i"}},
	// [EXPR 10].
	{"addDays", []string{"'2018-01-01'", "1", "'o'"}, []string{"s", "i", "s"}},
	{"addHours", []string{"'2018-01-01'", "1", "'o'"}, []string{"s", "i", "s"}},
	{"addMinutes", []string{"'2018-01-01'", "1", "'o'"}, []string{"s", "i", "s"}},
	{"addSeconds", []string{"'2018-01-01'", "1", "'o'"}, []string{"s", "i", "s"}},
	{"addToTime", []string{"'2018-01-01'", "1", "'Day'", "'o'"}, []string{"s", "i", "s", "s"}},
	{"subtractFromTime", []string{"'2018-01-01'", "1", "'Day'", "'o'"}, []string{"s", "i", "s", "s"}},
	{"convertFromUtc", []string{"'2018-01-01T00:00:00Z'", "'UTC'", "'o'"}, []string{"s", "s", "s"}},
	{"convertToUtc", []string{"'2018-01-01'", "'UTC'", "'o'"}, []string{"s", "s", "s"}},
	{"convertTimeZone", []string{"'2018-01-01'", "'UTC'", "'UTC'", "'o'"}, []string{"s", "s", "s", "s"}},
	{"dayOfMonth", []string{"'2018-01-01'"}, []string{"s"}},
	{"dayOfWeek", []string{"'2018-01-01'"}, []string{"s"}},
	{"dayOfYear", []string{"'2018-01-01'"}, []string{"s"}},
	{"formatDateTime", []string{"'2018-01-01'", "'o'"}, []string{"s", "s"}},
	{"getFutureTime", []string{"1", "'Day'", "'o'"}, []string{"i", "s", "s"}},
	{"getPastTime", []string{"1", "'Day'", "'o'"}, []string{"i", "s", "s"}},
	{"startOfDay", []string{"'2018-01-01'", "'o'"}, []string{"s", "s"}},
	{"startOfHour", []string{"'2018-01-01'", "'o'"}, []string{"s", "s"}},
	{"startOfMonth", []string{"'2018-01-01'", "'o'"}, []string{"s", "s"}},
	{"ticks", []string{"'2018-01-01'"}, []string{"s"}},
	{"utcNow", []string{"'o'"}, []string{"s"}},
}

// TestArgumentKinds covers [EXPR 4]: no argument is converted silently. An error
// about a kind names the function and the kind that came.
func TestArgumentKinds(t *testing.T) {
	c := &expr.Context{Now: exprtest.Now}
	for _, f := range argumentKinds {
		for i := range f.args {
			for _, k := range kinds {
				args := append([]string(nil), f.args...)
				args[i] = k.text
				call := "@" + f.name + "(" + strings.Join(args, ", ") + ")"
				_, err := c.EvaluateString(call)
				message := ""
				if e, ok := errors.AsType[*expr.Error](err); ok {
					message = e.Message
				} else if err != nil {
					t.Errorf("%s: %v is no *expr.Error", call, err)
				}
				// A value of the right kind may still be wrong: 'x' is no time.
				kindRefused := strings.Contains(message, "The provided value is of type") || strings.Contains(message, "parameter types") || strings.Contains(message, "of type '"+k.name+"'") ||
					strings.Contains(message, "and '"+k.name+"' that do not match")
				switch good := strings.Contains(f.kinds[i], k.letter); {
				case good && kindRefused:
					t.Errorf("%s: %s; want the kind to be good", call, message)
				case !good && err == nil:
					t.Errorf("%s succeeded; want argument %d refused", call, i+1)
				case !good && (!strings.Contains(message, "'"+f.name+"'") || !strings.Contains(message, "'"+k.name+"'")):
					t.Errorf("%s: %s; want the function's name and %s in it", call, message, k.name)
				}
			}
		}
	}
}

// argumentCounts says how many arguments the specification gives each function:
// a family and a count, or the least and the most.
var argumentCounts = map[string]string{
	// [EXPR 3].
	"context 0": "pipeline item dataset linkedService trigger triggerBody",
	"context 1": "activity variables",
	// [EXPR 5].
	"string 1-":  "concat",
	"string 2":   "endsWith startsWith indexOf lastIndexOf split",
	"string 0-1": "guid",
	"string 3":   "replace substring",
	"string 1":   "toLower toUpper trim",
	// [EXPR 6].
	"collection 2":  "contains join skip take",
	"collection 1":  "empty first last length",
	"collection 2-": "intersection union",
	// [EXPR 7].
	"logical 1-": "and or",
	"logical 2-": "equals",
	"logical 2":  "greater greaterOrEquals less lessOrEquals",
	"logical 3":  "if",
	"logical 1":  "not",
	// [EXPR 8].
	"conversion 1":   "array base64 base64ToBinary base64ToString binary bool dataUri dataUriToBinary dataUriToString decodeBase64 decodeDataUri decodeUriComponent encodeUriComponent int json string uriComponent uriComponentToBinary uriComponentToString xml",
	"conversion 1-":  "coalesce createArray",
	"conversion 1-2": "float",
	"conversion 2":   "xpath",
	// [EXPR 9].
	"math 2":  "add div mod mul rand range sub",
	"math 1-": "max min",
	// [EXPR 10].
	"date 2-3": "addDays addHours addMinutes addSeconds convertFromUtc convertToUtc getFutureTime getPastTime",
	"date 3-4": "addToTime convertTimeZone subtractFromTime",
	"date 1":   "dayOfMonth dayOfWeek dayOfYear ticks",
	"date 1-3": "formatDateTime",
	"date 1-2": "startOfDay startOfHour startOfMonth",
	"date 0-1": "utcNow",
}

// TestArgumentTable: the functions are those of the specification, with as many
// arguments.
func TestArgumentTable(t *testing.T) {
	want := map[string]string{}
	for counts, names := range argumentCounts {
		for name := range strings.FieldsSeq(names) {
			want[name] = counts
		}
	}
	for _, f := range expr.Functions() {
		counts := string(f.Family) + " " + fmt.Sprint(f.MinArgs)
		switch {
		case f.MaxArgs < 0:
			counts += "-"
		case f.MaxArgs != f.MinArgs:
			counts += "-" + fmt.Sprint(f.MaxArgs)
		}
		if counts != want[f.Name] {
			t.Errorf("%s: %s, want %s", f.Name, counts, want[f.Name])
		}
		delete(want, f.Name)
	}
	if len(want) > 0 {
		t.Errorf("there are no functions %v", want)
	}
}

// acceptedFewer is how many arguments may be left out though the documentation wants them.
var acceptedFewer = map[string]int{"substring": 1}

// TestArgumentCounts covers [EXPR 4]: a call with an argument too few or too many
// is refused before any argument is evaluated.
func TestArgumentCounts(t *testing.T) {
	c := &expr.Context{Now: exprtest.Now}
	call := func(name string, n int) string {
		return "@" + name + "(" + strings.TrimPrefix(strings.Repeat(", variables('gone')", n), ", ") + ")"
	}
	for _, f := range expr.Functions() {
		counts := []int{}
		if least := f.MinArgs - acceptedFewer[f.Name]; least > 0 {
			counts = append(counts, least-1)
		}
		if f.MaxArgs >= 0 {
			counts = append(counts, f.MaxArgs+1)
		}
		for _, n := range counts {
			_, err := c.EvaluateString(call(f.Name, n))
			e, ok := errors.AsType[*expr.Error](err)
			if !ok || !strings.Contains(e.Message, "'"+f.Name+"'") || !strings.Contains(e.Message, fmt.Sprint(n)) || strings.Contains(e.Message, "gone") {
				t.Errorf("%s: %v; want an error that names the function and %d", call(f.Name, n), err, n)
			}
		}
	}
}

// TestFunctionNames covers [EXPR 2.1]: a function answers to its name in any case,
// and there is no function that Data Factory has not [EXPR 5].
func TestFunctionNames(t *testing.T) {
	c := &expr.Context{Now: exprtest.Now}
	for _, f := range argumentKinds {
		args := "(" + strings.Join(f.args, ", ") + ")"
		want, wantErr := c.EvaluateString("@string(" + f.name + args + ")")
		for _, name := range []string{strings.ToUpper(f.name), strings.ToLower(f.name)} {
			got, err := c.EvaluateString("@string(" + name + args + ")")
			if f.name == "guid" || f.name == "rand" {
				got, want = nil, nil
			}
			if got != want || (err == nil) != (wantErr == nil) {
				t.Errorf("%s%s: %v, %v; as %s: %v, %v", name, args, got, err, f.name, want, wantErr)
			}
			if found, ok := expr.LookupFunction(name); !ok || found.Name != f.name {
				t.Errorf("LookupFunction(%s) = %+v, %t", name, found, ok)
			}
		}
	}
	for _, name := range strings.Fields("nthIndexOf slice formatNumber isInt isFloat chunk reverse sort addProperty setProperty removeProperty parseDateTime dateDifference uriHost uriPath uriPathAndQuery uriPort uriQuery uriScheme action actions body outputs parameters result workflow iterationIndexes") {
		if _, ok := expr.LookupFunction(name); ok {
			t.Errorf("there is a function %s", name)
		}
		if _, err := c.EvaluateString("@" + name + "()"); err == nil || !strings.Contains(err.Error(), "The template function '"+name+"' is not defined or not valid.") {
			t.Errorf("%s(): %v", name, err)
		}
	}
}
