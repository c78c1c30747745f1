package servicebus

import (
	"fmt"
	"math"

	"switchyard/amqp/encoding"
	"switchyard/broker"
)

// maxItems bounds the lock tokens and sequence numbers of one request.
const maxItems = 4096

// arguments are the map in the body of a management request. Clients differ in
// the integer types they use, and in lists and arrays: all are accepted
// [SB-AMQP 9.3]. Errors are faults.
type arguments struct {
	*encoding.Map
}

func badArgument(format string, a ...any) *fault {
	return &fault{condArgumentError, 400, fmt.Sprintf(format, a...)}
}

// number returns a mandatory integer.
func (a arguments) number(name string) (int64, error) {
	v, _ := a.Get(name)
	n, ok := integer(v)
	if !ok {
		return 0, badArgument("The argument '%s' must be an integer.", name)
	}
	return n, nil
}

// numbers returns a mandatory array of at least one integer.
func (a arguments) numbers(name string) ([]int64, error) {
	v, _ := a.Get(name)
	items := items(v)
	if err := countItems(name, len(items)); err != nil {
		return nil, err
	}
	all := make([]int64, len(items))
	for i, item := range items {
		n, ok := integer(item)
		if !ok {
			return nil, badArgument("The argument '%s' must be an array of integers.", name)
		}
		all[i] = n
	}
	return all, nil
}

// tokens returns a mandatory array of at least one lock token.
func (a arguments) tokens(name string) ([]broker.LockToken, error) {
	v, _ := a.Get(name)
	items := items(v)
	if err := countItems(name, len(items)); err != nil {
		return nil, err
	}
	all := make([]broker.LockToken, len(items))
	for i, item := range items {
		id, ok := item.(encoding.UUID)
		if !ok {
			return nil, badArgument("The argument '%s' must be an array of uuids.", name)
		}
		all[i] = broker.LockToken(id)
	}
	return all, nil
}

func countItems(name string, n int) error {
	if n == 0 {
		return badArgument("The argument '%s' must be an array with at least one item.", name)
	}
	if n > maxItems {
		return &fault{condArgumentOutOfRange, 400,
			fmt.Sprintf("The argument '%s' has %d items; at most %d are allowed.", name, n, maxItems)}
	}
	return nil
}

// text returns an optional string, "" if it is absent or null.
func (a arguments) text(name string) (string, error) {
	v, _ := a.Get(name)
	if v == nil {
		return "", nil
	}
	s, ok := v.(string)
	if !ok {
		return "", badArgument("The argument '%s' must be a string.", name)
	}
	return s, nil
}

// outcome reads what update-disposition asks for.
func (a arguments) outcome() (broker.Outcome, error) {
	status, err := a.text("disposition-status")
	if err != nil {
		return broker.Outcome{}, err
	}
	var out broker.Outcome
	switch status {
	case "completed":
		out.Kind = broker.Complete
	case "abandoned":
		out.Kind = broker.Abandon
	case "defered": // as the protocol spells it
		out.Kind = broker.Defer
	case "suspended":
		out.Kind = broker.DeadLetter
		if out.Reason, err = a.text("deadletter-reason"); err != nil {
			return out, err
		}
		if out.Description, err = a.text("deadletter-description"); err != nil {
			return out, err
		}
	default:
		return out, badArgument("The disposition-status '%.40s' is not known.", status)
	}
	switch v, _ := a.Get("properties-to-modify"); v := v.(type) {
	case nil:
	case *encoding.Map:
		if out.Properties, err = properties(v); err != nil {
			return out, faultOf(err)
		}
	default:
		return out, badArgument("The argument 'properties-to-modify' must be a map.")
	}
	return out, nil
}

func integer(v any) (int64, bool) {
	switch n := v.(type) {
	case int8:
		return int64(n), true
	case int16:
		return int64(n), true
	case int32:
		return int64(n), true
	case int64:
		return n, true
	case uint8:
		return int64(n), true
	case uint16:
		return int64(n), true
	case uint32:
		return int64(n), true
	case uint64:
		return int64(n), n <= math.MaxInt64
	}
	return 0, false
}

// items returns the items of a list or an array, nil for anything else.
func items(v any) []any {
	switch v := v.(type) {
	case encoding.List:
		return v
	case *encoding.Array:
		if v == nil || v.Descriptor != nil {
			return nil
		}
		return v.Items
	case []int64:
		return anySlice(v)
	case []uint64:
		return anySlice(v)
	case []int32:
		return anySlice(v)
	case []uint32:
		return anySlice(v)
	case []int16:
		return anySlice(v)
	case []uint16:
		return anySlice(v)
	case []int8:
		return anySlice(v)
	case []encoding.UUID:
		return anySlice(v)
	}
	return nil
}

func anySlice[T any](s []T) []any {
	all := make([]any, len(s))
	for i, v := range s {
		all[i] = v
	}
	return all
}
