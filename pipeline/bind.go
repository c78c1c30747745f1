package pipeline

import (
	"fmt"

	"switchyard/value"
)

// A ParameterProblem says what is wrong with an argument.
type ParameterProblem uint8

// The problems.
const (
	ParameterMissing  ParameterProblem = iota // neither an argument nor a default
	ParameterMistyped                         // the value does not convert
	ParameterUnknown                          // not declared; only in strict mode
)

// A ParameterError reports an argument with which a run can't be created.
type ParameterError struct {
	Name    string
	Problem ParameterProblem
	Reason  string // of ParameterMistyped
}

// Error returns what is wrong, naming the parameter.
func (e *ParameterError) Error() string {
	switch e.Problem {
	case ParameterMissing:
		return fmt.Sprintf("parameter %q has no value and no default", e.Name)
	case ParameterUnknown:
		return fmt.Sprintf("parameter %q is not declared by the pipeline", e.Name)
	}
	return e.Reason
}

// BindParameters makes the parameters of a run, a dataset or a linked service from
// the arguments of its caller [ENGINE 1.1]: an argument (also null), else the
// default, converted to the declared type and in the order of the declaration. A
// default that does not convert is used as it is, like Data Factory does.
// Arguments that are not declared are refused in strict mode and left out
// otherwise. secure names the parameters whose values are secret. The error is a
// [*ParameterError].
func BindParameters(
	declared []*Parameter, args *value.Object, strict bool,
) (bound *value.Object, secure []string, err error) {
	bound = &value.Object{}
	for _, def := range declared {
		v, given := args.Lookup(def.Name)
		if !given {
			if !def.HasDefault {
				return nil, nil, &ParameterError{Name: def.Name, Problem: ParameterMissing}
			}
			v = def.Default
		}
		c, err := def.Convert(v)
		switch {
		case err == nil:
		case given:
			return nil, nil, &ParameterError{Name: def.Name, Problem: ParameterMistyped, Reason: err.Error()}
		default:
			c = v
		}
		bound.Set(def.Name, c)
		if def.Type == TypeSecureString {
			secure = append(secure, def.Name)
		}
	}
	if strict {
		for _, m := range args.Members() {
			if parameterByName(declared, m.Name) == nil {
				return nil, nil, &ParameterError{Name: m.Name, Problem: ParameterUnknown}
			}
		}
	}
	return bound, secure, nil
}
