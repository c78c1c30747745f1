package filter

import (
	"fmt"
	"maps"
	"slices"
)

// A Correlation is a list of conditions that must all hold: each property given
// must equal that of the message [SB-SEM 7.1]. Texts are compared with their
// case, numbers by value, whatever their types. Nil, and a nil value among
// Properties, is no condition.
type Correlation struct {
	ContentType      *string `json:"contentType,omitempty"`
	Label            *string `json:"label,omitempty"`
	MessageID        *string `json:"messageId,omitempty"`
	ReplyTo          *string `json:"replyTo,omitempty"`
	ReplyToSessionID *string `json:"replyToSessionId,omitempty"`
	SessionID        *string `json:"sessionId,omitempty"`
	To               *string `json:"to,omitempty"`
	CorrelationID    *string `json:"correlationId,omitempty"`
	Properties       Values  `json:"properties,omitempty"`
}

type correlation struct {
	system []systemCondition
	user   []userCondition
}

type systemCondition struct {
	property SystemProperty
	want     string
}

type userCondition struct {
	name string
	want Value
}

func (f *Correlation) compile() (Matcher, error) {
	if err := checkValues("property", f.Properties); err != nil {
		return nil, err
	}
	c := &correlation{}
	for _, x := range [...]struct {
		property SystemProperty
		want     *string
	}{
		{CorrelationID, f.CorrelationID}, {Label, f.Label}, {MessageID, f.MessageID}, {To, f.To},
		{SessionID, f.SessionID}, {ContentType, f.ContentType}, {ReplyTo, f.ReplyTo},
		{ReplyToSessionID, f.ReplyToSessionID},
	} {
		if x.want != nil {
			c.system = append(c.system, systemCondition{x.property, *x.want})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(f.Properties)) {
		if want := f.Properties[name]; want != nil {
			c.user = append(c.user, userCondition{name, want})
		}
	}
	if len(c.system)+len(c.user) == 0 {
		return nil, fmt.Errorf("%w: a correlation filter without a condition", ErrInvalid)
	}
	return c, nil
}

func (f *correlation) Match(c *Context) (bool, error) {
	for _, x := range f.system {
		if v, ok := c.Properties.System(x.property); !ok || v != Value(x.want) {
			return false, nil
		}
	}
	for _, x := range f.user {
		if v, _ := c.Properties.User(x.name); equal.of(v, x.want) != yes && !sameBytes(v, x.want) {
			return false, nil
		}
	}
	return true, nil
}

func sameBytes(a, b Value) bool {
	x, ok := a.([]byte)
	y, also := b.([]byte)
	return ok && also && string(x) == string(y)
}
