package filter_test

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"switchyard/broker/filter"
)

// bag is a message's properties.
type bag struct {
	system map[filter.SystemProperty]filter.Value
	user   map[string]filter.Value // by lower-case name
}

func (b bag) System(p filter.SystemProperty) (filter.Value, bool) {
	v, ok := b.system[p]
	return v, ok
}

func (b bag) User(name string) (filter.Value, bool) {
	v, ok := b.user[strings.ToLower(name)]
	return v, ok
}

var (
	guid = filter.UUID{0x12, 0x3e, 0x45, 0x67, 15: 0xff}
	noon = time.Date(2031, 5, 6, 12, 0, 0, 0, time.UTC)
)

func order() *filter.Context {
	return &filter.Context{
		Properties: bag{
			system: map[filter.SystemProperty]filter.Value{
				filter.MessageID: "m-1", filter.Label: "Order", filter.Size: int64(300), filter.EnqueuedTimeUTC: noon,
				filter.TimeToLive: time.Minute, filter.DeliveryCount: int64(0),
			},
			user: map[string]filter.Value{
				"a": int64(1), "b": int64(2), "half": 0.5, "color": "red", "name": "50% off", "flag": true, "null": nil, "id": guid,
				"at": noon, "day": noon.Add(-24 * time.Hour), "span": time.Hour, "raw": []byte{1}, "my-prop": "x", `q"t`: int64(7), "br]": int64(8),
				"größe": int64(42), "max": int64(math.MaxInt64), "min": int64(math.MinInt64), "nan": math.NaN(), "under_score": int64(3),
			},
		},
		NewID: func() filter.UUID { return guid },
	}
}

// TestSQL: what each condition says of the message above. "?" is unknown: neither
// it nor its negation matches. "!" is an error of the evaluation.
func TestSQL(t *testing.T) {
	for _, c := range []struct{ expression, want string }{
		{"1=1", "true"},
		{"1=0", "false"},
		{"a = 1", "true"},
		{"A = 1", "true"}, // names ignore case
		{"user.a = 1", "true"},
		{"USER.[a] = 1", "true"},
		{"a <> 1", "false"},
		{"a != 2", "true"},
		{"a < b", "true"},
		{"a >= b", "false"},
		{"a <= 1 AND b > 1.5", "true"},
		{"[my-prop] = 'x'", "true"},
		{`"my-prop" = 'x'`, "true"},
		{`"q""t" = 7`, "true"},
		{"[br]]] = 8", "true"},
		{"größe = 42", "true"},
		{"under_score = 3", "true"},
		{"-a = -1", "true"},
		{"- - a = +1", "true"},
		{"-9223372036854775808 = min", "true"},

		// Precedence.
		{"1 + 2 * 3 = 7", "true"},
		{"(1 + 2) * 3 = 9", "true"},
		{"10 - 2 - 3 = 5", "true"},
		{"NOT a = 2 AND b = 2", "true"},
		{"NOT (a = 1 AND b = 2)", "false"},
		{"a = 1 OR a = 2 AND b = 9", "true"},
		{"(a = 1 OR a = 2) AND b = 9", "false"},
		{"not not a = 1", "true"},

		// Numbers: as C# binds them.
		{"7 / 2 = 3", "true"},
		{"-7 / 2 = -3", "true"},
		{"7 % 3 = 1", "true"},
		{"7 / 2.0 = 3.5", "true"},
		{"a = 1.0", "true"},
		{"half = .5", "true"},
		{"half = 5E-1", "true"},
		{"101.5E5 = 10150000", "true"},
		{"max + 1 = min", "true"},
		{"nan = nan", "false"},
		{"nan <> nan", "true"},
		{"7 / (a - 1) = 1", "!"},
		{"7 % 0 = 1", "!"},
		{"7.0 / 0 = 1", "!"},
		{"min / -1 = 1", "!"},

		// Texts.
		{"color = 'red'", "true"},
		{"color = 'Red'", "false"}, // values do not ignore case
		{"color > 'blue'", "true"},
		{"color + '-' + color = 'red-red'", "true"},
		{"'it''s' = 'it''s'", "true"},
		{"color = [color]", "true"},

		// Three-valued logic.
		{"missing = 1", "?"},
		{"missing <> 1", "?"},
		{"NULL = NULL", "?"},
		{"null = 1", "?"}, // the constant, not the property
		{"missing + 1 = 2", "?"},
		{"missing = 1 AND a = 2", "false"},
		{"a = 2 AND missing = 1", "false"},
		{"missing = 1 AND a = 1", "?"},
		{"missing = 1 OR a = 1", "true"},
		{"missing = 1 OR a = 2", "?"},
		{"missing IS NULL", "true"},
		{"missing IS NOT NULL", "false"},
		{"a IS NULL", "false"},
		{"[null] IS NULL", "true"},
		{"EXISTS([null])", "true"},
		{"EXISTS(missing)", "false"},
		{"NOT EXISTS(user.missing)", "true"},
		{"exists ( sys.Label )", "true"},

		// Types that have nothing in common.
		{"a = '1'", "?"},
		{"color = 1", "?"},
		{"flag = 1", "?"},
		{"at = '2031-05-06T12:00:00Z'", "?"},
		{"raw = raw", "?"},
		{"flag = TRUE", "true"},
		{"flag <> false", "true"},
		{"flag > FALSE", "?"},
		{"-color = 1", "?"},
		{"color - 'r' = 'ed'", "?"},
		{"at > day", "true"},
		{"sys.EnqueuedTimeUtc = at", "true"},
		{"at - day = span", "false"},
		{"at - span > day", "true"},
		{"sys.TimeToLive < span", "true"},
		{"id = '123e4567-0000-0000-0000-0000000000ff'", "true"},
		{"'{123E4567-0000-0000-0000-0000000000FF}' = id", "true"},
		{"id <> 'nonsense'", "?"},
		{"id > '123e4567-0000-0000-0000-0000000000ff'", "?"},
		{"newid() = id", "true"},

		// IN.
		{"a IN (3, 2, 1)", "true"},
		{"a NOT IN (3, 2)", "true"},
		{"a IN (2, NULL)", "?"},
		{"a IN (1, NULL)", "true"},
		{"a NOT IN (2, missing)", "?"},
		{"color IN ('red')", "true"},
		{"a + 1 IN (b)", "true"},

		// LIKE.
		{"color LIKE 'r%'", "true"},
		{"color LIKE 'R%'", "false"},
		{"color LIKE '%d'", "true"},
		{"color LIKE '_e_'", "true"},
		{"color LIKE '__'", "false"},
		{"color LIKE '%'", "true"},
		{"color LIKE ''", "false"},
		{"color NOT LIKE 'b%'", "true"},
		{`name LIKE '50\% %' ESCAPE '\'`, "true"},
		{`color LIKE 'r\%' ESCAPE '\'`, "false"},
		{"name LIKE '50!%!' ESCAPE '!'", "!"},
		{"missing LIKE 'r%'", "?"},
		{"color LIKE missing", "?"},
		{"color LIKE 'r%' ESCAPE missing", "?"},
		{"color LIKE 'r%' ESCAPE a", "!"},
		{"a LIKE '1'", "?"},

		// System properties.
		{"sys.MessageId = 'm-1'", "true"},
		{"SYS.messageid = 'm-1'", "true"},
		{"sys.Subject = sys.[Label]", "true"},
		{"sys.Size > 299", "true"},
		{"sys.To IS NULL", "true"},
		{"sys.To IS NOT NULL", "false"},
		{"EXISTS(sys.To)", "false"},
		{"sys.To = 'x'", "?"},
		{"sys.To LIKE '%'", "?"},
		{"a = 2 AND sys.To = 'x'", "false"}, // not looked at
		{"property('color') = 'red'", "true"},
		{"p('col' + 'or') = 'red'", "true"},
		{"property('sys.Label') IS NULL", "true"}, // a user property of that name
		{"p(missing) = 1", "?"},
		{"p(1) = 1", "!"},

		// Parameters.
		{"a = @one AND color = @Color", "true"},
		{"@none = 1", "?"},

		// Not conditions, or no expressions at all.
		{"a", "!syntax"},
		{"TRUE", "!syntax"},
		{"1", "!syntax"},
		{"", "!syntax"},
		{"a = ", "!syntax"},
		{"a = 1 b", "!syntax"},
		{"a = b = 1", "!syntax"},
		{"(a = 1) = TRUE", "!syntax"},
		{"NOT a", "!syntax"},
		{"a AND b = 1", "!syntax"},
		{"1 + (a = 1) = 2", "!syntax"},
		{"'x' IS NULL", "!syntax"},
		{"EXISTS('x')", "!syntax"},
		{"a IN ()", "!syntax"},
		{"a IN (1", "!syntax"},
		{"a NOT 1", "!syntax"},
		{"color LIKE 'r' ESCAPE 'ab'", "!syntax"},
		{"sys.Nothing = 1", "!syntax"},
		{"other.a = 1", "!syntax"},
		{"my-prop = 'x'", "?"}, // my minus prop
		{"f(1) = 1", "!syntax"},
		{"a = @two", "!syntax"},
		{"@ = 1", "!syntax"},
		{"a = 'open", "!syntax"},
		{"[] = 1", "!syntax"},
		{"[a = 1", "!syntax"},
		{"a = 1x", "!syntax"},
		{"a = 9223372036854775808", "!syntax"},
		{"a = 1e999", "!syntax"},
		{"a & 1 = 1", "!syntax"},
		{"in = 1", "!syntax"},
		{"[in] = 1", "?"},
		{"set IS NULL", "true"}, // reserved in actions only
		{"((((a = 1))))", "true"},
	} {
		f := filter.Filter{Type: filter.SQLType, Expression: c.expression, Parameters: filter.Values{"@one": int64(1), "color": "red", "none": nil}}
		got := evaluate(t, f, order())
		if got != c.want {
			t.Errorf("%s: got %s, want %s", c.expression, got, c.want)
		}
	}
}

func evaluate(t *testing.T, f filter.Filter, c *filter.Context) string {
	t.Helper()
	m, err := f.Compile()
	if err != nil {
		if !errors.Is(err, filter.ErrInvalid) {
			t.Errorf("%s: error %v does not wrap ErrInvalid", f.Expression, err)
		}
		return "!syntax"
	}
	is, err := m.Match(c)
	if err != nil {
		if !errors.Is(err, filter.ErrEvaluation) || is {
			t.Errorf("%s: %v with error %v, want false and ErrEvaluation", f.Expression, is, err)
		}
		return "!"
	}
	n, err := filter.Filter{Type: filter.SQLType, Expression: "NOT (" + f.Expression + ")", Parameters: f.Parameters}.Compile()
	if err != nil {
		t.Errorf("NOT (%s): %v", f.Expression, err)
		return "!"
	}
	switch isNot, _ := n.Match(c); {
	case is && isNot:
		t.Errorf("%s: both it and its negation match", f.Expression)
		return "both"
	case is:
		return "true"
	case isNot:
		return "false"
	}
	return "?"
}

func TestLimits(t *testing.T) {
	fits := "a = 1" + strings.Repeat(" ", 1019)
	for expression, want := range map[string]bool{
		fits:       true,
		fits + " ": false,
		strings.Repeat("(", 500) + "a = 1" + strings.Repeat(")", 500): true,
		strings.Repeat("ö", 1020) + "=1":                              true, // characters, not bytes
		"a = '\xff'":                                                  false,
	} {
		_, err := filter.Filter{Expression: expression}.Compile()
		if (err == nil) != want {
			t.Errorf("%.20s… (%d bytes): error %v, want it accepted: %v", expression, len(expression), err, want)
		}
	}
	long := order()
	long.Properties.(bag).user["long"] = strings.Repeat("x", 40<<10)
	if got := evaluate(t, filter.Filter{Expression: "long + long = 'x'"}, long); got != "!" {
		t.Errorf("a text of 80 KiB: %s, want an error", got)
	}
	if got := evaluate(t, filter.Filter{Expression: "long LIKE '" + strings.Repeat("%x", 500) + "'"}, long); got != "!" {
		t.Errorf("a text of 40 KiB and a pattern of 1000 bytes: %s, want an error", got)
	}
	if got := evaluate(t, filter.Filter{Expression: "color LIKE long"}, long); got != "!" {
		t.Errorf("a pattern of 40 KiB: %s, want an error", got)
	}
}

func text(s string) *string { return &s }

func TestCorrelation(t *testing.T) {
	for name, c := range map[string]struct {
		f    filter.Correlation
		want string
	}{
		"one system property":   {filter.Correlation{MessageID: text("m-1")}, "true"},
		"its case matters":      {filter.Correlation{MessageID: text("M-1")}, "false"},
		"two":                   {filter.Correlation{MessageID: text("m-1"), Label: text("Order")}, "true"},
		"one of two":            {filter.Correlation{MessageID: text("m-1"), Label: text("Invoice")}, "false"},
		"without value":         {filter.Correlation{To: text("x")}, "false"},
		"empty is a condition":  {filter.Correlation{To: text("")}, "false"},
		"user text":             {filter.Correlation{Properties: filter.Values{"COLOR": "red"}}, "true"},
		"user text's case":      {filter.Correlation{Properties: filter.Values{"color": "Red"}}, "false"},
		"numbers by value":      {filter.Correlation{Properties: filter.Values{"a": 1.0, "half": 0.5}}, "true"},
		"number is not text":    {filter.Correlation{Properties: filter.Values{"a": "1"}}, "false"},
		"missing user property": {filter.Correlation{Properties: filter.Values{"missing": "1"}}, "false"},
		"null is none":          {filter.Correlation{MessageID: text("m-1"), Properties: filter.Values{"a": nil}}, "true"},
		"bool":                  {filter.Correlation{Properties: filter.Values{"flag": true}}, "true"},
		"time":                  {filter.Correlation{Properties: filter.Values{"at": noon}}, "true"},
		"guid":                  {filter.Correlation{Properties: filter.Values{"id": guid}}, "true"},
		"bytes":                 {filter.Correlation{Properties: filter.Values{"raw": []byte{1}}}, "true"},
		"no condition":          {filter.Correlation{}, "!syntax"},
		"only null":             {filter.Correlation{Properties: filter.Values{"a": nil}}, "!syntax"},
		"a name twice":          {filter.Correlation{Properties: filter.Values{"a": "1", "A": "2"}}, "!syntax"},
		"an unknown type":       {filter.Correlation{Properties: filter.Values{"a": struct{}{}}}, "!syntax"},
	} {
		m, err := filter.Filter{Correlation: &c.f}.Compile()
		got := "!syntax"
		if err == nil {
			got = "false"
			if is, err := m.Match(order()); err != nil {
				got = err.Error()
			} else if is {
				got = "true"
			}
		} else if !errors.Is(err, filter.ErrInvalid) {
			t.Errorf("%s: error %v does not wrap ErrInvalid", name, err)
		}
		if got != c.want {
			t.Errorf("%s: got %s, want %s", name, got, c.want)
		}
	}
}

func TestTypes(t *testing.T) {
	for name, c := range map[string]struct {
		f    filter.Filter
		want filter.Filter
		ok   bool
	}{
		"nothing":               {filter.Filter{}, filter.Filter{Type: filter.TrueType, Expression: "1=1"}, true},
		"false":                 {filter.Filter{Type: filter.FalseType}, filter.Filter{Type: filter.FalseType, Expression: "1=0"}, true},
		"an expression":         {filter.Filter{Expression: "a=1"}, filter.Filter{Type: filter.SQLType, Expression: "a=1"}, true},
		"SQL without one":       {filter.Filter{Type: filter.SQLType}, filter.Filter{}, false},
		"true with another":     {filter.Filter{Type: filter.TrueType, Expression: "a=1"}, filter.Filter{}, false},
		"correlation without":   {filter.Filter{Type: filter.CorrelationType}, filter.Filter{}, false},
		"SQL with correlation":  {filter.Filter{Type: filter.SQLType, Expression: "a=1", Correlation: &filter.Correlation{}}, filter.Filter{}, false},
		"correlation with text": {filter.Filter{Expression: "a=1", Correlation: &filter.Correlation{}}, filter.Filter{}, false},
		"unknown":               {filter.Filter{Type: "XPath"}, filter.Filter{}, false},
	} {
		got, err := c.f.Normal()
		if (err == nil) != c.ok || err == nil && (got.Type != c.want.Type || got.Expression != c.want.Expression) {
			t.Errorf("%s: got %+v, error %v; want %+v, %v", name, got, err, c.want, c.ok)
		}
		if err != nil && !errors.Is(err, filter.ErrInvalid) {
			t.Errorf("%s: error %v does not wrap ErrInvalid", name, err)
		}
	}
}
