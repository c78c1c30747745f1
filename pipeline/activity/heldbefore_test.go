package activity_test

import (
	"testing"

	"switchyard/pipeline/activity"
)

// TestSettleInRerun: what the run before has settled is settled, and a rerun settles nothing
// else. A send that settles sends in the first case only.
func TestSettleInRerun(t *testing.T) {
	for _, c := range []struct{ typ, input, want, code string }{
		{"ServiceBusSettle", `{"sequenceNumber":7,"outcome":"Complete"}`, `{"sequenceNumber":7,"outcome":"Complete","settled":false}`, ""},
		{"ServiceBusSettle", `{"lockToken":"AB","outcome":"Abandon"}`, `{"lockToken":"AB","outcome":"Abandon","settled":false}`, ""},
		{"ServiceBusSettle", `{"sequenceNumber":8,"outcome":"Complete"}`, `{}`, activity.CodeMessageNotHeld},
		{"ServiceBusSend", `{"queueName":"q","body":"x","settle":{"sequenceNumber":7,"outcome":"Complete"}}`, `{"messageId":"aid","queueName":"q"}`, ""},
		{"ServiceBusSend", `{"queueName":"q","body":"x","settle":{"sequenceNumber":8,"outcome":"Complete"}}`, `{}`, activity.CodeMessageNotHeld},
	} {
		b := &bus{}
		call := busCall(t, c.typ, c.input)
		call.Binding, call.Rerun, call.Settled = nil, true, []string{"7", "ab"}
		execute := activity.ServiceBusSettle{Bus: b}.Execute
		if c.typ == "ServiceBusSend" {
			execute = activity.ServiceBusSend{Bus: b}.Execute
		}
		res := execute(t.Context(), call)
		code := ""
		if res.Err != nil {
			code = res.Err.Code
		}
		if got := json(res.Output); got != c.want || code != c.code {
			t.Errorf("%s %s: got %s, %v, want %s, %s", c.typ, c.input, got, res.Err, c.want, c.code)
		}
		if sends := c.typ == "ServiceBusSend" && c.code == ""; len(b.ops) > 1 || len(b.ops) == 1 != sends {
			t.Errorf("%s %s: the bus is asked for %v", c.typ, c.input, b.ops)
		}
	}
}
