package servicebus

import (
	"fmt"

	"switchyard/amqp/encoding"
	"switchyard/amqp/frames"
	"switchyard/broker"
)

// Keys of the info map of a dead-letter outcome.
const (
	infoReason      = "DeadLetterReason"
	infoDescription = "DeadLetterErrorDescription"
)

// settlement translates a client's delivery state [SB-AMQP 7.2]. The reply is
// what the client hears if it succeeds: an outcome of the same type
// [SB-AMQP 7.3]. A state that is not an outcome gives a nil reply and no fault:
// it settles nothing.
func settlement(state frames.State) (out broker.Outcome, reply frames.State, err error) {
	switch s := state.(type) {
	case frames.Accepted:
		return broker.Outcome{Kind: broker.Complete}, frames.Accepted{}, nil
	case frames.Released:
		return broker.Outcome{Kind: broker.Release}, frames.Released{}, nil
	case frames.Modified:
		out.Kind = broker.Abandon
		if s.UndeliverableHere {
			out.Kind = broker.Defer
		}
		out.Properties, err = properties(s.MessageAnnotations)
		return out, frames.Modified{}, err
	case frames.Rejected:
		out, err = deadLetter(s.Error)
		return out, frames.Rejected{}, err
	}
	return out, nil, nil
}

// deadLetter reads reason and description of a rejection. The client libraries
// put them into the info map; a rejection with a condition of its own gives
// that as the reason.
func deadLetter(e *frames.Error) (broker.Outcome, error) {
	out := broker.Outcome{Kind: broker.DeadLetter}
	if e == nil {
		return out, nil
	}
	if e.Condition != condDeadLetter {
		out.Reason, out.Description = string(e.Condition), e.Description
	}
	rest := new(encoding.Map)
	for _, p := range pairs(e.Info) {
		name, err := keyText(p.Key)
		if err != nil {
			return out, err
		}
		text, isText := p.Value.(string)
		switch {
		case p.Value == nil:
		case name == infoReason && isText:
			out.Reason = text
		case name == infoDescription && isText:
			out.Description = text
		default:
			rest.Set(name, p.Value)
		}
	}
	var err error
	out.Properties, err = properties(rest)
	return out, err
}

// properties reads a map of properties to modify.
func properties(m *encoding.Map) ([]broker.Property, error) {
	var all []broker.Property
	for _, p := range pairs(m) {
		name, err := keyText(p.Key)
		if err != nil {
			return nil, err
		}
		property, err := toProperty(name, p.Value)
		if err != nil {
			return nil, err
		}
		all = append(all, property)
	}
	return all, nil
}

func keyText(key any) (string, error) {
	switch k := key.(type) {
	case string:
		return k, nil
	case encoding.Symbol:
		return string(k), nil
	}
	return "", fmt.Errorf("%w: property name %v is not a string", errMessage, key)
}
