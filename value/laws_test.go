package value

import (
	"bytes"
	"encoding/json"
	"math"
	"math/big"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

// anyValue makes values up to a depth, numbers that are equal as integer and as
// float among them.
func anyValue(depth int) *rapid.Generator[Value] {
	as := func(g *rapid.Generator[any]) *rapid.Generator[Value] {
		return rapid.Map(g, func(v any) Value { return v })
	}
	scalar := rapid.OneOf(rapid.Just[Value](nil), as(rapid.Bool().AsAny()), as(rapid.Int64().AsAny()), as(rapid.Int64Range(-3, 3).AsAny()),
		as(rapid.Float64().AsAny()), rapid.Map(rapid.Int64Range(-3, 3), func(i int64) Value { return float64(i) }),
		as(rapid.StringN(0, 8, -1).AsAny()), as(rapid.StringMatching(`[\x00-\x1f"\\/<>&\x7f\x{2028}é😀]{0,6}`).AsAny()))
	if depth == 0 {
		return scalar
	}
	return rapid.OneOf(scalar,
		rapid.Custom(func(t *rapid.T) Value { return Array(rapid.SliceOfN(anyValue(depth-1), 0, 4).Draw(t, "array")) }),
		rapid.Custom(func(t *rapid.T) Value {
			o := NewObject()
			for _, name := range rapid.SliceOfN(rapid.StringMatching(`[ab"é]{0,2}`), 0, 4).Draw(t, "names") {
				o.Set(name, anyValue(depth-1).Draw(t, "member"))
			}
			return o
		}))
}

// TestWhatTheStandardLibraryReads: what is written is JSON of the same meaning,
// and JSON that the standard library reads is read here, also if a byte of it
// changes, unless it holds what is refused: bytes that are not UTF-8.
func TestWhatTheStandardLibraryReads(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := Append(nil, anyValue(3).Draw(t, "value"))
		var ours, theirs any
		if err := json.Unmarshal(text, &theirs); err != nil {
			t.Fatalf("%s is no JSON: %v", text, err)
		}
		v, err := Parse(text)
		if err != nil {
			t.Fatalf("Parse(%s): %v", text, err)
		}
		if err := json.Unmarshal(Append(nil, v), &ours); err != nil || !sameJSON(ours, theirs) {
			t.Fatalf("%s read and written: %v, %v; want %v", text, ours, err, theirs)
		}
		changed := slices.Clone(text)
		changed[rapid.IntRange(0, len(text)-1).Draw(t, "at")] = rapid.SampledFrom([]byte("0-+.eE\"\\/,:[]{} \n\tntfu\x00\x1f\x7f\xc3\xff")).Draw(t, "byte")
		_, err = Parse(changed)
		outOfRange := err != nil && strings.Contains(err.Error(), "out of range")
		if want := json.Valid(changed) && utf8.Valid(changed); (err == nil) != want && !outOfRange {
			t.Fatalf("Parse(%q): %v; the standard library says that it is good: %t", changed, err, want)
		}
		var indented bytes.Buffer
		if err := json.Indent(&indented, text, " \r", "\t "); err != nil {
			t.Fatal(err)
		}
		if again, err := Parse(indented.Bytes()); err != nil || !Equal(again, v) {
			t.Fatalf("indented: %v, %v", again, err)
		}
	})
}

// sameJSON compares what encoding/json decoded.
func sameJSON(a, b any) bool {
	x, err1 := json.Marshal(a)
	y, err2 := json.Marshal(b)
	return err1 == nil && err2 == nil && bytes.Equal(x, y)
}

// TestObjectModel: an object is a list of members with unique names, whether it is
// small or has an index, and a copy is independent of it.
func TestObjectModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := &Object{}
		var model []Member
		check := func() {
			if o.Len() != len(model) || !slices.Equal(o.Members(), model) {
				t.Fatalf("members %v, want %v", o.Members(), model)
			}
		}
		names := rapid.StringMatching(`[a-eA-E]{1,2}`)
		t.Repeat(map[string]func(*rapid.T){
			"set": func(t *rapid.T) {
				name, v := names.Draw(t, "name"), rapid.Int64().Draw(t, "value")
				o.Set(name, v)
				if i := slices.IndexFunc(model, func(m Member) bool { return m.Name == name }); i >= 0 {
					model[i].Value = v
				} else {
					model = append(model, Member{name, v})
				}
				check()
			},
			"get": func(t *rapid.T) {
				name := names.Draw(t, "name")
				exact := slices.IndexFunc(model, func(m Member) bool { return m.Name == name })
				fold := slices.IndexFunc(model, func(m Member) bool { return strings.EqualFold(m.Name, name) })
				if exact >= 0 {
					fold = exact
				}
				v, ok := o.Get(name)
				if ok != (exact >= 0) || ok && v != model[exact].Value {
					t.Fatalf("Get(%s) = %v, %t of %v", name, v, ok, model)
				}
				v, ok = o.Lookup(name)
				if ok != (fold >= 0) || ok && v != model[fold].Value {
					t.Fatalf("Lookup(%s) = %v, %t of %v", name, v, ok, model)
				}
				if len(model) > 0 {
					if i := rapid.IntRange(0, len(model)-1).Draw(t, "i"); o.At(i) != model[i] {
						t.Fatalf("At(%d) = %v, want %v", i, o.At(i), model[i])
					}
				}
			},
			"clone": func(t *rapid.T) {
				c := o.Clone()
				c.Set("only in the copy", nil)
				if len(model) > 0 {
					c.Set(model[0].Name, "changed")
				}
				check()
				o, model = o.Clone(), slices.Clone(model) // go on with a copy
				check()
			},
		})
	})
	var none *Object
	if _, ok := none.Get("a"); ok || none.Len() != 0 || none.Members() != nil || none.Clone().Len() != 0 {
		t.Error("a nil object is not empty")
	}
	if _, ok := none.Lookup("a"); ok {
		t.Error("a nil object has a member")
	}
}

// TestEqualNumbers: numbers are equal by their exact value, whatever their types, and
// keys agree.
func TestEqualNumbers(t *testing.T) {
	edges := []Value{int64(0), math.Copysign(0, -1), int64(math.MaxInt64), float64(1 << 63), int64(math.MinInt64), float64(-1 << 63), int64(1<<53 + 1), float64(1 << 53),
		0.5, -0.5, math.MaxFloat64, -math.MaxFloat64, math.SmallestNonzeroFloat64, int64(1), 1.0, math.Nextafter(1, 2), float64(math.MaxInt64 - 512)}
	numbers := rapid.OneOf(rapid.SampledFrom(edges), rapid.Map(rapid.Int64(), func(i int64) Value { return i }), rapid.Map(rapid.Float64(), func(f float64) Value { return f }))
	exact := func(v Value) *big.Float {
		if i, ok := v.(int64); ok {
			return new(big.Float).SetPrec(200).SetInt64(i)
		}
		return new(big.Float).SetPrec(200).SetFloat64(v.(float64))
	}
	rapid.Check(t, func(t *rapid.T) {
		a, b := numbers.Draw(t, "a"), numbers.Draw(t, "b")
		want := exact(a).Cmp(exact(b))
		if Equal(a, b) != (want == 0) || bytes.Equal(AppendKey(nil, a), AppendKey(nil, b)) != (want == 0) {
			t.Fatalf("%v and %v: equal %t, keys %s and %s; they compare as %d", a, b, Equal(a, b), AppendKey(nil, a), AppendKey(nil, b), want)
		}
	})
}

// TestKeys: two values have one key exactly if they are equal.
func TestKeys(t *testing.T) {
	small := anyValue(2)
	rapid.Check(t, func(t *rapid.T) {
		a, b := small.Draw(t, "a"), small.Draw(t, "b")
		equal := Equal(a, b)
		if Equal(b, a) != equal || !Equal(a, a) {
			t.Fatalf("%s, %s: equal %t, the other way %t, with itself %t", Append(nil, a), Append(nil, b), equal, Equal(b, a), Equal(a, a))
		}
		if got := bytes.Equal(AppendKey(nil, a), AppendKey(nil, b)); got != equal {
			t.Fatalf("%s, %s: keys equal %t, values %t", Append(nil, a), Append(nil, b), got, equal)
		}
		pair := AppendKey(nil, Array{a, b})
		if joined := AppendKey(nil, Array{Array{a}, b}); bytes.Equal(pair, joined) {
			t.Fatalf("%s: nesting does not change the key %s", Append(nil, a), pair)
		}
	})
}

// TestText covers [EXPR 2.5]: floats as .NET writes them.
func TestText(t *testing.T) {
	for _, c := range []struct {
		v    Value
		want string
	}{
		{nil, ""}, {true, "True"}, {false, "False"}, {"text", "text"}, {int64(-5), "-5"}, {int64(math.MinInt64), "-9223372036854775808"},
		{0.0, "0"}, {math.Copysign(0, -1), "-0"}, {3.0, "3"}, {2.5, "2.5"}, {1.0 / 60, "0.016666666666666666"}, {-1e16, "-10000000000000000"}, {1e17, "1E+17"}, {1.5e21, "1.5E+21"},
		{1e-4, "0.0001"}, {1e-5, "1E-05"}, {1.25e-7, "1.25E-07"}, {1e100, "1E+100"}, {math.MaxFloat64, "1.7976931348623157E+308"}, {5e-324, "5E-324"}, {123456789.125, "123456789.125"},
		{Array{true, nil, "a", 1.0}, `[true,null,"a",1.0]`}, {NewObject(Member{"a", false}), `{"a":false}`}, {Array{}, "[]"}, {NewObject(), "{}"},
		{NewContent("text/plain", []byte("hé")), "hé"}, {NewContent("application/octet-stream", []byte{0xff, 'a'}), "\ufffda"},
		{NewContent("", []byte("\xb6\xbb\x9e\xe2\x82A\xed\xa0\x80\xc0\x80\xf4\x90\x80\xf0\x9f\x98")), "\ufffd\ufffd\ufffd" + "\ufffdA" + "\ufffd\ufffd\ufffd" + "\ufffd\ufffd" + "\ufffd\ufffd\ufffd" + "\ufffd"},
	} {
		if got := Text(c.v); got != c.want {
			t.Errorf("Text(%v) = %q, want %q", c.v, got, c.want)
		}
	}
}

// TestContent covers [EXPR 2.2]: what is content, and what only looks like it.
func TestContent(t *testing.T) {
	data := []byte("\x00\xff<a/>")
	c, ok := ContentOf(NewContent("Application/XML; charset=utf-8", data))
	if !ok || c.MediaType != "Application/XML; charset=utf-8" || !bytes.Equal(c.Data, data) {
		t.Errorf("ContentOf(NewContent) = %+v, %t", c, ok)
	}
	for _, text := range []string{
		`{"$content":"aGk="}`, `{"$content-type":"a"}`, `{"$content-type":"a","$content":"aGk"}`, `{"$content-type":"a","$content":"a b="}`, `{"$content-type":1,"$content":"aGk="}`,
		`{"$content-type":"a","$content":null}`, `{"$content-type":"a","$content":"aGk=","x":1}`, `{"$Content-type":"a","$content":"aGk="}`, `"aGk="`, `null`, `[]`, `{}`,
	} {
		v, err := Parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if c, ok := ContentOf(v); ok {
			t.Errorf("%s is content: %+v", text, c)
		}
	}
}

func TestTypeName(t *testing.T) {
	for want, v := range map[string]Value{"Null": nil, "Boolean": true, "Integer": int64(1), "Float": 1.0, "String": "", "Array": Array{}, "Object": NewObject()} {
		if got := TypeName(v); got != want {
			t.Errorf("TypeName(%v) = %s, want %s", v, got, want)
		}
	}
}

// TestDepth: the limit is of levels that are open at once, not of brackets.
func TestDepth(t *testing.T) {
	for _, c := range []struct {
		text string
		max  int
		ok   bool
	}{
		{"1", 0, true}, {"[]", 0, false}, {"[]", 1, true}, {"[[],[],{}]", 2, true}, {`{"a":{"b":[]}}`, 2, false}, {`{"a":{"b":[]}}`, 3, true}, {`[[[]],[[[]]]]`, 3, false},
	} {
		if v, err := ParseDepth([]byte(c.text), c.max); (err == nil) != c.ok {
			t.Errorf("%s with %d levels: %v, %v; want it good: %t", c.text, c.max, v, err, c.ok)
		}
	}
}

// TestEscapes: each character of ASCII, and some beyond, is read by the standard
// library as itself; only what JSON demands is escaped.
func TestEscapes(t *testing.T) {
	for r := rune(0); r < 0x80; r++ {
		text := Append(nil, string(r)+"é\u2028😀")
		var got string
		if err := json.Unmarshal(text, &got); err != nil || got != string(r)+"é\u2028😀" {
			t.Errorf("%q is written %s: %q, %v", r, text, got, err)
		}
		if escaped := text[1] == '\\'; escaped != (r < ' ' || r == '"' || r == '\\') {
			t.Errorf("%q is written %s", r, text)
		}
	}
}
