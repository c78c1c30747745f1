package filter

import (
	"fmt"
	"strings"
)

// A Type says which kind of filter it is, by the names of the resource manager.
type Type string

// The types of filters.
const (
	SQLType         Type = "SqlFilter"
	TrueType        Type = "TrueFilter"  // SQL 1=1
	FalseType       Type = "FalseFilter" // SQL 1=0
	CorrelationType Type = "CorrelationFilter"
)

// A Filter is the definition of a filter.
type Filter struct {
	// Type may be empty: then it is told by what is given, and if nothing is, it
	// is TrueFilter.
	Type Type `json:"type"`
	// Expression is the condition of a SQL filter, at most 1024 characters. Of a
	// true and a false filter it is 1=1 and 1=0.
	Expression string `json:"expression,omitempty"`
	// Parameters are the values of @name in the expression. Names are compared
	// ignoring case and may begin with @.
	Parameters Values `json:"parameters,omitempty"`
	// Correlation are the conditions of a correlation filter.
	Correlation *Correlation `json:"correlation,omitempty"`
}

// A Matcher is a compiled filter. It may be used by several goroutines.
type Matcher interface {
	// Match reports whether a message passes. Errors wrap [ErrEvaluation].
	Match(c *Context) (bool, error)
}

// Normal returns the filter with its type and the expression that goes with it.
// Errors wrap [ErrInvalid].
func (f Filter) Normal() (Filter, error) {
	if f.Type == "" {
		switch {
		case f.Correlation != nil:
			f.Type = CorrelationType
		case f.Expression != "":
			f.Type = SQLType
		default:
			f.Type = TrueType
		}
	}
	if (f.Correlation != nil) != (f.Type == CorrelationType) {
		return f, fmt.Errorf("%w: a %s with or without the conditions of a correlation filter", ErrInvalid, f.Type)
	}
	switch f.Type {
	case TrueType:
		return f.fixed("1=1")
	case FalseType:
		return f.fixed("1=0")
	case SQLType:
		if strings.TrimSpace(f.Expression) == "" {
			return f, fmt.Errorf("%w: a SQL filter without an expression", ErrInvalid)
		}
		return f, nil
	case CorrelationType:
		if f.Expression != "" || len(f.Parameters) > 0 {
			return f, fmt.Errorf("%w: a correlation filter with an expression", ErrInvalid)
		}
		return f, nil
	}
	return f, fmt.Errorf("%w: a filter of type %q", ErrInvalid, f.Type)
}

func (f Filter) fixed(expression string) (Filter, error) {
	if f.Expression != "" && f.Expression != expression || len(f.Parameters) > 0 {
		return f, fmt.Errorf("%w: a %s with an expression of its own", ErrInvalid, f.Type)
	}
	f.Expression = expression
	return f, nil
}

// Compile returns the filter ready to match. Errors wrap [ErrInvalid].
func (f Filter) Compile() (Matcher, error) {
	f, err := f.Normal()
	if err != nil {
		return nil, err
	}
	switch f.Type {
	case TrueType:
		return always(true), nil
	case FalseType:
		return always(false), nil
	case CorrelationType:
		return f.Correlation.compile()
	}
	return compileSQL(f.Expression, f.Parameters)
}

type always bool

func (a always) Match(*Context) (bool, error) { return bool(a), nil }

// sql is a compiled SQL filter.
type sql struct{ p predicate }

func compileSQL(expression string, parameters Values) (Matcher, error) {
	p, err := newParser(expression, parameters, false)
	if err != nil {
		return nil, err
	}
	n, err := p.or()
	if err != nil {
		return nil, err
	}
	if err := p.wantPredicate(n); err != nil {
		return nil, err
	}
	if t := p.peek(); t.kind != endToken {
		return nil, p.fail(t, "unexpected %v", t)
	}
	return sql{n.predicate}, nil
}

func (s sql) Match(c *Context) (bool, error) {
	t, err := s.p.truth(c)
	return t == yes && err == nil, err
}
