package filter

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// maxStatements is how many statements an action may have [SB-SEM 1.5].
const maxStatements = 32

// An Action is the definition of a SQL action. An empty expression is no action.
type Action struct {
	Expression string `json:"expression,omitempty"` // at most 1024 characters
	Parameters Values `json:"parameters,omitempty"`
}

// IsZero reports whether there is no action.
func (a Action) IsZero() bool { return strings.TrimSpace(a.Expression) == "" }

// A Program is a compiled action. It may be used by several goroutines.
type Program struct{ statements []statement }

type statement struct {
	property property
	value    operand // nil: REMOVE
}

// Compile returns the action ready to run; nil if there is none. Errors wrap
// [ErrInvalid].
func (a Action) Compile() (*Program, error) {
	if a.IsZero() {
		return nil, nil
	}
	p, err := newParser(a.Expression, a.Parameters, true)
	if err != nil {
		return nil, err
	}
	program := &Program{}
	for p.peek().kind != endToken {
		if len(program.statements) == maxStatements {
			return nil, fmt.Errorf("%w: an action of more than %d statements", ErrInvalid, maxStatements)
		}
		s, err := p.statement()
		if err != nil {
			return nil, err
		}
		program.statements = append(program.statements, s)
		if !p.symbol(";") {
			p.symbol(",")
		}
	}
	return program, nil
}

func (p *parser) statement() (s statement, err error) {
	t := p.peek()
	remove := p.keyword("REMOVE")
	if !remove && !p.keyword("SET") {
		return s, p.fail(t, "expected SET or REMOVE, found %v", t)
	}
	name := p.peek()
	if s.property, err = p.property(); err != nil {
		return s, err
	}
	system := s.property.system
	switch {
	case remove && system != 0:
		return s, p.fail(name, "the system property %s can't be removed", system)
	case remove:
		return s, nil
	case system != 0 && systemProperties[system].kind == readOnly:
		return s, p.fail(name, "the system property %s can't be set", system)
	}
	if err := p.expect("="); err != nil {
		return s, err
	}
	s.value, err = p.value()
	return s, err
}

// Run returns what the action changes, in order: each statement sees what those
// before it have changed. Errors wrap [ErrEvaluation].
func (p *Program) Run(c *Context) ([]Change, error) {
	changed := &overlay{Properties: c.Properties}
	inner := &Context{Properties: changed, NewID: c.NewID}
	for _, s := range p.statements {
		change := Change{System: s.property.system, Name: s.property.user, Remove: s.value == nil}
		if s.value != nil {
			v, err := s.value.value(inner)
			if err != nil {
				return nil, err
			}
			if change.System != 0 {
				v, err = convertSystem(change.System, v)
			} else if old, ok := changed.User(change.Name); ok {
				v = convertUser(old, v)
			}
			if err != nil {
				return nil, err
			}
			change.Value = v
		}
		changed.changes = append(changed.changes, change)
	}
	return changed.changes, nil
}

// overlay are properties with changes.
type overlay struct {
	Properties
	changes []Change
}

func (o *overlay) System(p SystemProperty) (Value, bool) {
	if p == ExpiresAtUTC {
		return ExpiresAt(o)
	}
	for i := len(o.changes) - 1; i >= 0; i-- {
		if c := o.changes[i]; c.System == p {
			return c.Value, c.Value != nil
		}
	}
	return o.Properties.System(p)
}

func (o *overlay) User(name string) (Value, bool) {
	for i := len(o.changes) - 1; i >= 0; i-- {
		if c := o.changes[i]; c.System == 0 && strings.EqualFold(c.Name, name) {
			return c.Value, !c.Remove
		}
	}
	return o.Properties.User(name)
}

// convertSystem makes the value one that the system property can have.
func convertSystem(p SystemProperty, v Value) (Value, error) {
	if v == nil {
		return nil, nil
	}
	switch systemProperties[p].kind {
	case textual:
		if s, ok := text(v); ok {
			return s, nil
		}
	case timespan:
		switch v := v.(type) {
		case time.Duration:
			if v >= 0 {
				return v, nil
			}
		case string:
			if d, ok := parseTimeSpan(v); ok {
				return d, nil
			}
		}
	case datetime:
		switch v := v.(type) {
		case time.Time:
			return v, nil
		case string:
			if t, err := time.Parse(time.RFC3339Nano, v); err == nil {
				return t.UTC(), nil
			}
		}
	}
	return nil, evaluation("the system property %s can't be set to that value of type %T", p, v)
}

// parseTimeSpan reads [d.]hh:mm:ss[.fffffff].
func parseTimeSpan(s string) (d time.Duration, ok bool) {
	clock := s
	if days, rest, found := strings.Cut(s, "."); found && strings.Contains(rest, ":") {
		n, err := strconv.ParseUint(days, 10, 16)
		if err != nil {
			return 0, false
		}
		d, clock = time.Duration(n)*24*time.Hour, rest
	}
	fields := strings.Split(clock, ":")
	if len(fields) != 3 {
		return 0, false
	}
	for i, unit := range [...]time.Duration{time.Hour, time.Minute, time.Second} {
		f, err := strconv.ParseFloat(fields[i], 64)
		if err != nil || !(f >= 0 && f < 60) || i == 0 && f >= 24 {
			return 0, false
		}
		d += time.Duration(f * float64(unit))
	}
	return d, true
}

// convertUser makes the value one of the type that the property has, where that
// can be done.
func convertUser(old, v Value) Value {
	switch old.(type) {
	case string:
		if s, ok := text(v); ok {
			return s
		}
	case float64:
		switch v := v.(type) {
		case int64:
			return float64(v)
		case string:
			if f, err := strconv.ParseFloat(v, 64); err == nil {
				return f
			}
		}
	case int64:
		switch v := v.(type) {
		case float64:
			if n := int64(v); float64(n) == v {
				return n
			}
		case string:
			if n, err := strconv.ParseInt(v, 10, 64); err == nil {
				return n
			}
		}
	case bool:
		if s, ok := v.(string); ok && (strings.EqualFold(s, "true") || strings.EqualFold(s, "false")) {
			return strings.EqualFold(s, "true")
		}
	case UUID:
		if s, ok := v.(string); ok {
			if u, ok := ParseUUID(s); ok {
				return u
			}
		}
	}
	return v
}
