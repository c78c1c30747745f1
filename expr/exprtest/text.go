package exprtest

import (
	"fmt"
	"strings"

	"switchyard/value"
)

// ParseTextVectors reads vectors in a text format that is easy to review. A
// line is one of:
//
//	# comment
//	context {"parameters": {"a": 1}}     for all that follow, up to the next
//	@concat('a', 'b')                    an expression; it may also be a JSON value after "json "
//	  = "ab"                             the value it must give, as JSON
//	  ! expects its parameter            or text that the error must contain
func ParseTextVectors(text string) ([]Vector, error) {
	var vectors []Vector
	var context *value.Object
	var pending *Vector
	for i, line := range strings.Split(text, "\n") {
		fail := func(format string, args ...any) error {
			return fmt.Errorf("line %d: %s", i+1, fmt.Sprintf(format, args...))
		}
		trimmed := strings.TrimSpace(line)
		if trimmed == "" || line[0] == '#' {
			continue
		}
		if line[0] != ' ' && line[0] != '\t' {
			if pending != nil {
				return nil, fail("the expression before has no result")
			}
			if rest, ok := strings.CutPrefix(line, "context "); ok {
				v, err := value.Parse([]byte(rest))
				if err != nil {
					return nil, fail("%v", err)
				}
				if context, ok = v.(*value.Object); !ok {
					return nil, fail("the context is not an object")
				}
				continue
			}
			pending = &Vector{Expr: line, Context: context, Source: fmt.Sprintf("line %d", i+1)}
			if rest, ok := strings.CutPrefix(line, "json "); ok {
				v, err := value.Parse([]byte(rest))
				if err != nil {
					return nil, fail("%v", err)
				}
				pending.Expr = v
			}
			continue
		}
		if pending == nil {
			return nil, fail("a result without an expression")
		}
		switch rest := strings.TrimSpace(trimmed[1:]); trimmed[0] {
		case '=':
			v, err := value.Parse([]byte(rest))
			if err != nil {
				return nil, fail("%v", err)
			}
			pending.Want = v
		case '!':
			pending.WantError, pending.Fragment = true, rest
		default:
			return nil, fail("a result begins with '=' or '!'")
		}
		vectors = append(vectors, *pending)
		pending = nil
	}
	if pending != nil {
		return nil, fmt.Errorf("the last expression has no result")
	}
	return vectors, nil
}

func containsFold(s, fragment string) bool {
	return strings.Contains(strings.ToLower(s), strings.ToLower(fragment))
}
