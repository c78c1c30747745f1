package run

import (
	"strings"
	"time"

	"switchyard/expr"
	"switchyard/pipeline"
	"switchyard/value"
)

// VariableSet is a whole SetVariable activity that succeeded: it started, gave
// the variable its value and ended at At. With System it set the pipeline's
// return value: Value is then an object whose members are merged into it.
type VariableSet struct {
	Path                      string
	Name                      string // as the definition declares it
	Value                     value.Value
	System                    bool
	At                        time.Time
	SecureInput, SecureOutput bool
	UserProperties            *value.Object
}

func (e *VariableSet) fields(c codec) {
	c.text(&e.Path)
	c.text(&e.Name)
	c.value(&e.Value)
	c.bool(&e.System)
	c.time(&e.At)
	c.bool(&e.SecureInput)
	c.bool(&e.SecureOutput)
	c.object(&e.UserProperties)
}

func (e *VariableSet) When() time.Time { return e.At }

func (e *VariableSet) apply(s *State) error {
	n, err := s.expect(e.Path, 1, ready)
	if err != nil {
		return err
	}
	i, ok := s.byName[strings.ToLower(e.Name)]
	input := value.NewObject(value.Member{Name: "variableName", Value: e.Name},
		value.Member{Name: "value", Value: e.Value})
	switch o, isObject := e.Value.(*value.Object); {
	case e.System && isObject:
		returned := s.returnedWith(o)
		s.held += Footprint(returned) - Footprint(s.returnValue)
		s.returnValue = returned
		input.Set("setSystemVariable", true)
	case ok && !e.System:
		v := &s.variables[i]
		held := Footprint(e.Value)
		s.held += held - v.held
		v.value, v.owned, v.tail, v.held = e.Value, false, nil, held
		v.partly = HoldsKept(e.Value)
	default:
		return misplaced("no variable %q", e.Name)
	}
	s.begin(n, e.At, input, e.UserProperties, e.SecureInput, e.SecureOutput)
	s.assigned(n, e.Name, e.Value, e.At)
	return nil
}

const (
	// elementSize is what an element of an array takes beside its value, in an array
	// that has grown by doubling.
	elementSize = 2 * 16
	// keptFrom is about the size from which on a [Keeper] keeps a value.
	keptFrom = 4 << 10
)

// VariableAppended is a whole AppendVariable activity that succeeded.
type VariableAppended struct {
	Path           string
	Name           string
	Value          value.Value // the one element
	At             time.Time
	UserProperties *value.Object
}

func (e *VariableAppended) fields(c codec) {
	c.text(&e.Path)
	c.text(&e.Name)
	c.value(&e.Value)
	c.time(&e.At)
	c.object(&e.UserProperties)
}

func (e *VariableAppended) When() time.Time { return e.At }

func (e *VariableAppended) apply(s *State) error {
	n, err := s.expect(e.Path, 1, ready)
	if err != nil {
		return err
	}
	i, ok := s.byName[strings.ToLower(e.Name)]
	if !ok || s.variables[i].def.Type != pipeline.VariableArray {
		return misplaced("no array variable %q", e.Name)
	}
	v := &s.variables[i]
	// Appending shares the backing array: an older value of the variable is
	// shorter and never sees the new element, and only the newest one grows.
	a, isHere := v.value.(value.Array)
	switch {
	case !isHere && v.value != nil:
		v.tail = append(v.tail, e.Value)
	case !v.owned:
		a = append(make(value.Array, 0, 2*len(a)+8), a...)
		v.owned = true
		fallthrough
	default:
		v.value = append(a, e.Value)
	}
	v.partly = v.partly || HoldsKept(e.Value)
	more := Footprint(e.Value) + elementSize
	v.held += more
	s.held += more
	input := value.NewObject(value.Member{Name: "variableName", Value: e.Name},
		value.Member{Name: "value", Value: e.Value})
	s.begin(n, e.At, input, e.UserProperties, false, false)
	s.assigned(n, e.Name, e.Value, e.At)
	return nil
}

// assigned ends a SetVariable or AppendVariable.
func (s *State) assigned(n *node, name string, val value.Value, at time.Time) {
	n.record.Status, n.record.End = Succeeded, at
	s.over(n.record)
	n.record.Output = value.NewObject(value.Member{Name: "name", Value: name},
		value.Member{Name: "value", Value: val})
	if n.record.SecureInput || n.record.SecureOutput {
		s.secrets.secure(val)
	}
	s.finish(n, Succeeded)
}

// variable resolves variableName.
func (s *State) variable(n *node, c *expr.Context) (*pipeline.Variable, *pipeline.ActivityError) {
	raw, _ := n.typeProperty("variableName")
	v, err := c.Evaluate(raw)
	if err != nil {
		return nil, invalid(err)
	}
	name, _ := v.(string)
	def := s.def.Variable(name)
	if def == nil {
		return nil, unexpected("The template variable '%s' cannot be found.", name)
	}
	return def, nil
}

// returnedWith is the pipeline's return value with the keys of another one.
func (s *State) returnedWith(o *value.Object) *value.Object {
	returned := s.returnValue.Clone()
	for _, m := range o.Members() {
		returned.Set(m.Name, m.Value)
	}
	return returned
}

// setReturnValue evaluates what is added to the pipeline's return value.
func (s *State) setReturnValue(c *expr.Context, raw value.Value) (*value.Object, *pipeline.ActivityError) {
	o, aerr := returnMembers(c, raw, 0)
	if aerr != nil {
		return nil, aerr
	}
	if n := len(value.Append(nil, s.returnedWith(o))); n > maxReturnValue {
		return nil, unexpected("The pipeline return value would have %d bytes, at most %d are allowed.", n,
			maxReturnValue)
	}
	return o, nil
}

// setVariable is [ENGINE 5.7].
func (s *State) setVariable(n *node, c *expr.Context, user *value.Object,
	now time.Time) (Event, *pipeline.ActivityError) {
	raw, _ := n.typeProperty("value")
	e := &VariableSet{Path: n.path, At: now, UserProperties: user,
		SecureInput: n.step.def.Policy.SecureInput, SecureOutput: n.step.def.Policy.SecureOutput}
	if pipeline.SetsReturnValue(n.step.def) {
		o, aerr := s.setReturnValue(c, raw)
		if aerr != nil {
			return nil, aerr
		}
		e.Name, e.Value, e.System = pipeline.ReturnValueVariable, o, true
		return e, nil
	}
	def, aerr := s.variable(n, c)
	if aerr != nil {
		return nil, aerr
	}
	if pipeline.RefersToVariable(raw, def.Name) {
		return nil, unexpected(
			"The variable '%s' cannot be used in the value it is set to: self-referencing is not allowed.", def.Name)
	}
	v, err := c.Evaluate(raw)
	if err != nil {
		return nil, invalid(err)
	}
	if v, err = def.Convert(v); err != nil {
		return nil, invalid(err)
	}
	e.Name, e.Value = def.Name, v
	return e, nil
}

// appendVariable is [ENGINE 5.8]: an array is appended as one nested element.
func (s *State) appendVariable(n *node, c *expr.Context, user *value.Object,
	now time.Time) (Event, *pipeline.ActivityError) {
	def, aerr := s.variable(n, c)
	if aerr != nil {
		return nil, aerr
	}
	if def.Type != pipeline.VariableArray {
		return nil, unexpected(
			"The variable '%s' of type '%s' cannot be appended to: only variables of type 'Array' can.",
			def.Name, def.Type)
	}
	raw, _ := n.typeProperty("value")
	v, err := c.Evaluate(raw)
	if err != nil {
		return nil, invalid(err)
	}
	if aerr := s.afford(n, elementSize+min(Footprint(v), keptFrom)); aerr != nil {
		return nil, aerr
	}
	return &VariableAppended{Path: n.path, Name: def.Name, Value: v, At: now, UserProperties: user}, nil
}
