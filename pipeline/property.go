package pipeline

import (
	"math"
	"strconv"
	"strings"
	"time"

	"switchyard/value"
	"switchyard/value/read"
)

// A PropertyKind is what a property of an activity type holds, when it is no
// expression.
type PropertyKind uint8

// The kinds of properties.
const (
	AnyProperty        PropertyKind = iota
	TextProperty                    // text
	IntegerProperty                 // an integer
	CountProperty                   // an integer or its text
	BooleanProperty                 // a boolean, or the text true or false
	ObjectProperty                  // an object
	ScalarsProperty                 // an object of texts, numbers and booleans
	TimespanProperty                // [d.]hh:mm:ss
	ObjectsProperty                 // an object with the members of the property, or a list of such
	ActivitiesProperty              // a list of activities
	CasesProperty                   // the cases of a Switch
	DatasetProperty                 // a dataset with its parameters
	PipelineProperty                // a pipeline
)

// A Property is one member of an activity's typeProperties.
type Property struct {
	Name string
	Kind PropertyKind
	// Required: it, or the property Or, must stand there.
	Required bool
	Or       string
	// Static: it is read with the definition. Only of a Text an expression is
	// evaluated, and none that is an object.
	Static bool
	// Default is what counts when it is absent, nil when there is nothing to say.
	Default value.Value
	// Min and Max bound an Integer or Count. A Max of 0 is none.
	Min, Max int64
	// Longest bounds a Timespan; 0 is no bound.
	Longest time.Duration
	// Values are all that a Text can be; AnyCase: ignoring case.
	Values  []string
	AnyCase bool
	// Members are those of Objects.
	Members []Property
	// Doc says what it means, in Markdown.
	Doc string

	// check looks at what several members of Objects say together.
	check func(n *read.Members)
}

func property(list []Property, name string) *Property {
	for i := range list {
		if equalFold(list[i].Name, name) {
			return &list[i]
		}
	}
	return nil
}

func names(list []Property) []string {
	out := make([]string, len(list))
	for i := range list {
		out[i] = list[i].Name
	}
	return out
}

// MemberNames returns the names of the members of Objects.
func (p *Property) MemberNames() []string { return names(p.Members) }

// Branches reports whether the property holds child activities.
func (p *Property) Branches() bool { return p.Kind == ActivitiesProperty || p.Kind == CasesProperty }

// integer reads a static Integer.
func (p *Property) integer(n *read.Members) int {
	absent, _ := p.Default.(int64)
	i := integer(n, p.Name, int(absent), int(p.Min), 0)
	if p.Max > 0 && int64(i) > p.Max {
		n.Beyond(p.Name, "is %d, want %d to %d", i, p.Min, p.Max)
	}
	return i
}

// required reports properties that must stand there and do not.
func required(n *read.Members, list []Property) {
	for i := range list {
		switch p := &list[i]; {
		case !p.Required:
		case p.Or == "":
			n.Required(p.Name)
		default:
			_, one := n.Value(p.Name)
			_, other := n.Value(p.Or)
			if !one && !other {
				n.Fail(p.Name, "is missing, and so is %s", p.Or)
			}
		}
	}
}

// validate checks a value that stands in a definition as it is.
func (p *Property) validate(n *read.Members) {
	v, ok := n.Value(p.Name)
	if !ok || p.Static || isExpression(v) {
		return
	}
	switch p.Kind {
	case TextProperty:
		p.text(n, v)
	case IntegerProperty:
		i, isInteger := v.(int64)
		if !isInteger {
			p.want(n, v, "an integer")
		} else if i < p.Min {
			n.Fail(p.Name, "is %d, want at least %d", i, p.Min)
		}
	case CountProperty:
		if f := toNumber(v); f < float64(p.Min) || f > float64(p.Max) || f != math.Trunc(f) {
			n.Fail(p.Name, "is %s, want an integer from %d to %d", value.Append(nil, v), p.Min, p.Max)
		}
	case BooleanProperty:
		if _, isBool := toBool(v); !isBool {
			p.want(n, v, "a boolean")
		}
	case ObjectProperty:
		if _, isObject := v.(*value.Object); !isObject {
			p.want(n, v, "an object")
		}
	case ScalarsProperty:
		scalars(object(n, p.Name))
	case TimespanProperty:
		p.timespan(n, v)
	case ObjectsProperty:
		p.objects(n, v)
	}
}

func (p *Property) want(n *read.Members, v value.Value, kind string) {
	n.Fail(p.Name, "is %s, want %s or an expression", kindOf(v), kind)
}

func (p *Property) text(n *read.Members, v value.Value) {
	s, isText := v.(string)
	switch {
	case p.Values == nil || !p.AnyCase && !isText:
		if !isText {
			p.want(n, v, "text")
		}
	case p.AnyCase && (!isText || !containsFold(p.Values, s)):
		n.Fail(p.Name, "is %s, want one of %s", value.Append(nil, v), strings.Join(p.Values, ", "))
	case !p.AnyCase && !contains(p.Values, s):
		n.Fail(p.Name, "%q is none of %s", s, strings.Join(p.Values, ", "))
	}
}

// toNumber returns the number that a Count is; NaN for what is none.
func toNumber(v value.Value) float64 {
	switch v := v.(type) {
	case int64:
		return float64(v)
	case float64:
		return v
	case string:
		if i, err := strconv.ParseInt(strings.TrimSpace(v), 10, 64); err == nil {
			return float64(i)
		}
	}
	return math.NaN()
}

func (p *Property) timespan(n *read.Members, v value.Value) {
	s, isText := v.(string)
	if !isText {
		p.want(n, v, "a timespan")
		return
	}
	d, err := ParseTimespan(s)
	switch {
	case err != nil:
		n.Fail(p.Name, "%v", err)
	case d <= 0:
		n.Fail(p.Name, "is %s, want more than 0", s)
	case p.Longest > 0 && d > p.Longest:
		n.Fail(p.Name, "is %s, want at most %s", s, FormatTimespan(p.Longest))
	}
}

// scalars reports members that are not scalars or expressions.
func scalars(n *read.Members) {
	for _, m := range n.Raw().Members() {
		switch v := m.Value.(type) {
		case nil, value.Array:
			n.Fail(m.Name, "is %s, want text, a number, a boolean or an expression", kindOf(v))
		case *value.Object:
			if !isExpression(v) {
				n.Fail(m.Name, "is an object, want text, a number, a boolean or an expression")
			}
		}
	}
}

func (p *Property) objects(n *read.Members, v value.Value) {
	list := []*read.Members{}
	if _, many := v.(value.Array); many {
		list = n.Objects(p.Name)
	} else if o, ok := n.Object(p.Name); ok {
		list = append(list, o)
	}
	for _, o := range list {
		o.Only(p.MemberNames()...)
		required(o, p.Members)
		for i := range p.Members {
			p.Members[i].validate(o)
		}
		if p.check != nil {
			p.check(o)
		}
	}
}
