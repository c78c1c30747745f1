package servicebus

import (
	"reflect"
	"testing"

	"switchyard/amqp/encoding"
	"switchyard/amqp/frames"
	"switchyard/broker"
)

// The table of [SB-AMQP 7.2], with the replies of [SB-AMQP 7.3].
func TestSettlement(t *testing.T) {
	sym := func(s string) encoding.Symbol { return encoding.Symbol(s) }
	tests := []struct {
		name  string
		state frames.State
		want  broker.Outcome
		reply frames.State
	}{
		{"complete", frames.Accepted{}, broker.Outcome{Kind: broker.Complete}, frames.Accepted{}},
		{"release", frames.Released{}, broker.Outcome{Kind: broker.Release}, frames.Released{}},
		{"abandon", frames.Modified{}, broker.Outcome{Kind: broker.Abandon}, frames.Modified{}},
		{"abandon as Python and Java do", frames.Modified{DeliveryFailed: true}, broker.Outcome{Kind: broker.Abandon}, frames.Modified{}},
		{"abandon with properties", frames.Modified{MessageAnnotations: mapOf(sym("a"), "x", sym("n"), int64(1), sym("null"), nil)},
			broker.Outcome{Kind: broker.Abandon, Properties: []broker.Property{{Name: "a", Value: "x"}, {Name: "n", Value: int64(1)}, {Name: "null"}}}, frames.Modified{}},
		{"defer", frames.Modified{UndeliverableHere: true}, broker.Outcome{Kind: broker.Defer}, frames.Modified{}},
		{"dead-letter without error", frames.Rejected{}, broker.Outcome{Kind: broker.DeadLetter}, frames.Rejected{}},
		{"dead-letter", frames.Rejected{Error: &frames.Error{Condition: "com.microsoft:dead-letter", Description: "ignored",
			Info: mapOf("DeadLetterReason", "r", "DeadLetterErrorDescription", "d", "extra", true)}},
			broker.Outcome{Kind: broker.DeadLetter, Reason: "r", Description: "d", Properties: []broker.Property{{Name: "extra", Value: true}}}, frames.Rejected{}},
		{"dead-letter with null reason", frames.Rejected{Error: &frames.Error{Condition: "com.microsoft:dead-letter", Info: mapOf("DeadLetterReason", nil, "DeadLetterErrorDescription", nil)}},
			broker.Outcome{Kind: broker.DeadLetter}, frames.Rejected{}},
		{"rejected with another condition", frames.Rejected{Error: &frames.Error{Condition: "app:bad", Description: "why"}},
			broker.Outcome{Kind: broker.DeadLetter, Reason: "app:bad", Description: "why"}, frames.Rejected{}},
		{"received settles nothing", frames.Received{}, broker.Outcome{}, nil},
		{"no state settles nothing", nil, broker.Outcome{}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, reply, err := settlement(tt.state)
			if err != nil || !reflect.DeepEqual(got, tt.want) || !reflect.DeepEqual(reply, tt.reply) {
				t.Errorf("settlement(%+v) = %+v, %+v, %v, want %+v, %+v", tt.state, got, reply, err, tt.want, tt.reply)
			}
		})
	}
	if _, _, err := settlement(frames.Modified{MessageAnnotations: &encoding.Map{Pairs: []encoding.Pair{{Key: uint64(1), Value: "x"}}}}); err == nil || faultOf(err).status != 400 {
		t.Errorf("a numeric property name: %v, want a fault of the client", err)
	}
}
