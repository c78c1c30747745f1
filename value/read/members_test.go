package read_test

import (
	"fmt"
	"strings"
	"testing"

	"switchyard/value"
	"switchyard/value/read"
)

// A list keeps every problem as one line.
type list []string

func (l *list) Report(p read.Problem) {
	line := fmt.Sprintf("%s %d", p.At(), p.Reason)
	switch p.Reason {
	case read.WrongKind:
		line = fmt.Sprintf("%s is %v, want kind %d", p.At(), p.Got, p.Want)
	case read.Unknown:
		line = fmt.Sprintf("%s is none of %v", p.At(), p.Known)
	case read.Missing:
		line = p.At() + " is missing"
	case read.Empty:
		line = p.At() + " is empty"
	case read.Invalid:
		line = p.At() + " " + p.Text
	}
	*l = append(*l, line)
}

// TestMembers reads every document in the same way and tells all that is wrong.
func TestMembers(t *testing.T) {
	for _, c := range []struct{ root, document, want string }{
		{"$", `{"NAME":"x","flag":true,"n":1,"inner":{"list":[{"k":1},{}]}}`, ""},
		{"", `{"name":" ","inner":null,"note":null}`, "name is empty|inner is missing"},
		{"$", `{}`, "$.name is missing|$.inner is missing"},
		{"$", `{"name":1,"flag":"true","n":1.5,"inner":[]}`,
			"$.name is 1, want kind 4|$.flag is true, want kind 1|$.n is 1.5, want kind 2|$.inner is [], want kind 6"},
		{"$", `{"name":"x","inner":{"list":[1,{"z":2}],"more":1}}`,
			"$.inner.list[0] is 1, want kind 6|$.inner.list[1].z is none of [k]|$.inner.more is none of [list]"},
		{"", `{"name":"x","inner":{"list":{}},"zork":0,"nothing":null,"kept":9}`,
			"inner.list is map, want kind 5|zork is none of [name flag n inner kept]"},
		{"$", `{"name":"x","inner":{"list":null,"a":null,"b":null}}`, "$.inner has 3 members"},
		{"", `{"name":"bad","inner":{}}`, "name must not be bad"},
	} {
		v, err := value.Parse([]byte(strings.ReplaceAll(c.document, `"list":{}`, `"list":"map"`)))
		if err != nil {
			t.Fatal(err)
		}
		var got list
		m := read.New(v.(*value.Object), c.root, &got)
		if m.RequiredString("name") == "bad" {
			m.Fail("name", "must not be %s", "bad")
		}
		m.Bool("flag")
		m.Int("n")
		inner, _ := m.RequiredObject("inner")
		for _, e := range inner.Objects("list") {
			e.Int("k")
			e.Only("k")
		}
		if inner.Raw().Len() > 2 {
			inner.FailObject("has %d members", inner.Raw().Len())
		}
		inner.Close()
		m.Ignore("kept")
		m.Close()
		if s := strings.Join(got, "|"); s != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.document, s, c.want)
		}
	}
}

// TestAbsent: a member that is not there, or null, reads as an object without
// members, and nothing is wrong with it.
func TestAbsent(t *testing.T) {
	var got list
	m := read.New(value.NewObject(value.Member{Name: "null", Value: nil}), "$", &got)
	for _, name := range []string{"null", "absent"} {
		o, ok := m.Object(name)
		if _, there := o.String("x"); ok || there || o.Raw() != nil || o.Path() != "$."+name {
			t.Errorf("object %s: got %v, %v at %s, want nothing", name, o.Raw(), ok, o.Path())
		}
		o.Close()
	}
	if got != nil {
		t.Errorf("problems: %v, want none", got)
	}
}
