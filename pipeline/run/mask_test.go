package run

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"switchyard/pipeline"
	"switchyard/value"
)

// A reader is a keeper that reads one value, or none.
type reader struct {
	Keeper
	whole value.Value
}

func (r reader) Peek(value.Value) (value.Value, error) {
	if r.whole == nil {
		return nil, errors.New("damaged")
	}
	return r.whole, nil
}

func maskerOf(t *testing.T, keeper Keeper, texts []string, secure ...value.Value) Masker {
	t.Helper()
	var s secrets
	for _, x := range texts {
		s.add(x)
	}
	for _, v := range secure {
		s.secure(v)
	}
	return s.make(keeper)
}

// TestMasker: secrets are masked in every kind of value, as they are and as JSON and URLs
// escape them.
func TestMasker(t *testing.T) {
	plain := []string{`a"b/c`, "a\"b/c and more", "4711"}
	for _, c := range []struct {
		name   string
		masker Masker
		in     string // JSON
		want   string
	}{
		{"none", Masker{}, `{"a":["a\"b/c",4711]}`, `{"a":["a\"b/c",4711]}`},
		{"SecureString", Masker{}, `[{"type":"SecureString","value":"x"}]`, `[{"type":"SecureString","value":"**********"}]`},
		{"texts", maskerOf(t, nil, plain), `["x a\"b/c y","a\"b/c and more!","a"]`, `["x ********** y","**********!","a"]`},
		{"escaped", maskerOf(t, nil, plain), `["{\"k\":\"a\\\"b/c\"}","u=a%22b%2Fc"]`, `["{\"k\":\"**********\"}","u=**********"]`},
		{"numbers", maskerOf(t, nil, plain), `[4711,47110,{"n":4711}]`, `["**********",47110,{"n":"**********"}]`},
		{"names", maskerOf(t, nil, plain), `{"x":1,"a\"b/c":{"4711":2}}`, `{"x":1,"**********":{"**********":2}}`},
		{"binary", maskerOf(t, nil, plain), `{"$content-type":"a/b","$content":"eCA0NzExIHk="}`, `{"$content-type":"a/b","$content":"**********"}`},
		{"secure", maskerOf(t, nil, nil, parse(t, `{"t":"hunter2","s":"short","n":123456,"Content-Type":"application/json"}`)),
			`["hunter2","short",123456,"application/json"]`, `["**********","short","**********","application/json"]`},
		{"secure and large", maskerOf(t, reader{whole: parse(t, `["hunter2"]`)}, nil, value.Array{Kept{}}), `["hunter2","x"]`, `["**********","x"]`},
		{"secure and damaged", maskerOf(t, reader{}, nil, value.Array{Kept{}}), `{"a":["hunter2",1,true,null]}`, `{"a":["**********","**********",true,null]}`},
		{"too much that is secure", maskerOf(t, nil, nil, strings.Repeat("x", maxSecure), "hunter2"), `["anything"]`, `["**********"]`},
	} {
		in := parse(t, c.in)
		if got := string(value.Append(nil, c.masker.Value(in))); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
		if after := string(value.Append(nil, in)); after != c.in {
			t.Errorf("%s: masking has changed its argument to %s", c.name, after)
		}
	}
}

// TestMaskersOfManySecrets: an attempt's masker knows what was secret when it began, and
// one that masks nothing costs nothing, however many secrets there are.
func TestMaskersOfManySecrets(t *testing.T) {
	var s secrets
	var all []Masker
	for i := range 5000 {
		s.secure(fmt.Sprintf("secret %d of many", i))
		all = append(all, s.make(nil).With([]string{"own"}))
	}
	if got := all[10].Text("secret 10 of many, secret 11 of many, own"); got != Mask+", secret 11 of many, "+Mask {
		t.Errorf("got %s", got)
	}
	if n := testing.AllocsPerRun(10, func() { s.add("x" + string(rune(s.bytes))); s.bytes++; s.make(nil) }); n > 20 {
		t.Errorf("%v allocations for a masker that is not used", n)
	}
}

// TestMaskedError: every text of an error is masked, and the error itself stays.
func TestMaskedError(t *testing.T) {
	e := &pipeline.ActivityError{Code: "c hush", Message: "m hush", FailureType: pipeline.UserError, Details: value.Array{"d hush"}}
	got := maskerOf(t, nil, []string{"hush"}).Error(e)
	if text := fmt.Sprint(*got); strings.Contains(text, "hush") || got.Code != "c "+Mask {
		t.Errorf("got %s", text)
	}
	if e.Code != "c hush" {
		t.Errorf("the error became %v", *e)
	}
}

// TestOccurs: what came back of what an attempt was given.
func TestOccurs(t *testing.T) {
	secrets := []string{"one", "t\"wo", "three", "4", "one", ""}
	e := &pipeline.ActivityError{Code: "X", Message: `sent {"a":"t\"wo"}`}
	if got := fmt.Sprint(Occurs(secrets, parse(t, `{"a":["say one"],"n":14}`), e)); got != `[one t"wo 4]` {
		t.Errorf("got %s", got)
	}
}

// TestManyOccur: looking for many secrets in a large answer takes one pass.
func TestManyOccur(t *testing.T) {
	secrets := make([]string, 20_000)
	for i := range secrets {
		secrets[i] = fmt.Sprintf("secret number %d.", i)
	}
	answer := value.Array{strings.Repeat("nothing of the kind ", 200_000), "it is secret number 7. here", value.NewObject(value.Member{Name: "secret number 19999."})}
	if got := fmt.Sprint(Occurs(secrets, answer, nil)); got != "[secret number 7. secret number 19999.]" {
		t.Errorf("got %s", got)
	}
}

// TestTooManyOccur: of what is more than a run remembers nothing is kept, and no text of
// the run is shown any more.
func TestTooManyOccur(t *testing.T) {
	long := strings.Repeat("x", maxSecure+1)
	found := Occurs([]string{long}, value.Array{long}, nil)
	if len(found) != 1 || found[0] != tooMany {
		t.Fatalf("%d found", len(found))
	}
	var s secrets
	s.reveal(found)
	if got := s.make(nil).Text("anything"); got != Mask || !s.revealed {
		t.Errorf("shown: %s", got)
	}
}

func parse(t *testing.T, text string) value.Value {
	t.Helper()
	v, err := value.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return v
}
