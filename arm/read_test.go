package arm_test

import (
	"errors"
	"strings"
	"testing"

	"switchyard/arm"
	"switchyard/value"
)

// readAll asks for a member of each kind.
func readAll(body *arm.Reader) {
	body.String("s")
	body.Bool("b")
	body.Int("i")
	body.Array("a")
	body.Strings("list")
	body.StringMap("map")
	child, _ := body.Object("o")
	child.String("inner")
	grand, _ := child.Object("deeper")
	grand.Int("n")
	body.Ignore("etag")
	grand.Close()
	child.Close()
	body.Close()
}

// TestReader: a body's first mistake is told with its place; what nobody asks for
// is one.
func TestReader(t *testing.T) {
	long := strings.Repeat("x", 300)
	for _, c := range []struct{ body, target, message string }{
		{`{"S":"","b":false,"i":1,"a":[1],"list":["x"],"map":{"k":"v"},"o":{"inner":"x","deeper":{"n":1}},"etag":[]}`, "", ""},
		{`{"s":null,"b":null,"i":null,"a":null,"list":null,"map":null,"o":null,"zork":null}`, "", ""},
		{`{"s":5}`, "s", "The property 's' is invalid: it is a whole number, but should be a string."},
		{`{"s":{},"b":1}`, "s", "The property 's' is invalid: it is an object, but should be a string."},
		{`{"b":"true"}`, "b", "The property 'b' is invalid: it is a string, but should be true or false."},
		{`{"i":1.5}`, "i", "The property 'i' is invalid: it is a number, but should be a whole number."},
		{`{"a":true}`, "a", "The property 'a' is invalid: it is a Boolean, but should be an array."},
		{`{"list":["x",null]}`, "list[1]", "The property 'list[1]' is invalid: it is null, but should be a string."},
		{`{"map":{"k":[]}}`, "map.k", "The property 'map.k' is invalid: it is an array, but should be a string."},
		{`{"o":[]}`, "o", "The property 'o' is invalid: it is an array, but should be an object."},
		{`{"o":{"deeper":{"n":"1"}}}`, "o.deeper.n", "The property 'o.deeper.n' is invalid: it is a string, but should be a whole number."},
		{`{"o":{"deeper":{"zork":0}}}`, "o.deeper.zork",
			"The property 'o.deeper.zork' is invalid: there is no such property, or it is not supported."},
		{`{"` + long + `":0}`, long[:200] + "…",
			"The property '" + long[:200] + "…' is invalid: there is no such property, or it is not supported."},
	} {
		v, err := value.Parse([]byte(c.body))
		if err != nil {
			t.Fatal(err)
		}
		r := arm.Read(v.(*value.Object), arm.BadRequest)
		readAll(r)
		var got arm.Error
		var e *arm.Error
		if errors.As(r.Err(), &e) {
			got = *e
		}
		if got.Message != c.message || got.Target != c.target || c.message != "" && got.Code != "BadRequest" {
			t.Errorf("body %s\n got %s at %q: %s\nwant BadRequest at %q: %s", c.body, got.Code, got.Target, got.Message, c.target, c.message)
		}
	}
}
