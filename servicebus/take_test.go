package servicebus_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"
	"github.com/Azure/go-amqp"

	"switchyard/amqp/frames"
	"switchyard/auth"
	"switchyard/broker"
)

// TestTake: dead letters are moved back and deleted by one request, which says how many
// [SB-AMQP 9.3].
func TestTake(t *testing.T) {
	s := newServer(t)
	s.queue("q", broker.QueueOptions{MaxDeliveryCount: 3})
	s.rule("", "listens", "k", auth.Listen)
	c := s.client()
	send := func(n int) {
		t.Helper()
		for i := range n {
			if err := s.sender(c, "q").SendMessage(testContext(t), &azservicebus.Message{MessageID: ptr(fmt.Sprint(i))}, nil); err != nil {
				t.Fatal(err)
			}
		}
		r := s.receiver(c, "q", nil)
		for _, m := range receive(t, r, n) {
			if err := r.DeadLetterMessage(testContext(t), m, &azservicebus.DeadLetterOptions{Reason: ptr("r")}); err != nil {
				t.Fatal(err)
			}
		}
		r.Close(testContext(t))
	}
	send(5)
	dead := newRPC(t, s.session(), "q/$DeadLetterQueue/$management")
	call := func(op string, args map[string]any, status int32, text string) {
		t.Helper()
		answer := dead.call(map[string]any{"operation": op}, args)
		got := fmt.Sprint(answer.ApplicationProperties["statusDescription"], " ", answer.Value)
		if answer.ApplicationProperties["statusCode"] != status || !strings.Contains(got, text) {
			t.Errorf("%s %v: %v %s, want %d %s", op, args, answer.ApplicationProperties["statusCode"], got, status, text)
		}
	}
	const resubmit, purge = "switchyard:resubmit-messages", "com.microsoft:batch-delete-messages"
	call(resubmit, map[string]any{"message-count": int32(1)}, 200, "map[message-count:1]")
	s.counts("q", 1, 4)
	call(resubmit, map[string]any{"sequence-numbers": []int64{1, 3, 4, 99}}, 200, "map[message-count:2]")
	s.counts("q", 3, 2)
	call("switchyard:delete-messages", map[string]any{"sequence-numbers": []int64{99}}, 204, "NoContent")
	call("switchyard:delete-messages", map[string]any{"sequence-numbers": []int64{2}}, 200, "map[message-count:1]")
	s.counts("q", 3, 1)
	send(1)
	call(purge, map[string]any{"message-count": int32(1), "enqueued-time-utc": time.Now().Add(time.Minute)}, 200, "map[message-count:1]")
	call(purge, map[string]any{"message-count": int32(100), "enqueued-time-utc": time.Now().Add(-time.Hour)}, 204, "NoContent")
	call(purge, map[string]any{"message-count": int32(100)}, 200, "map[message-count:1]")
	call(purge, map[string]any{"message-count": int32(100)}, 204, "NoContent")
	call(resubmit, map[string]any{"message-count": int32(100)}, 204, "NoContent")
	s.counts("q", 3, 0)
	// What was moved is a new message that says nothing of its past.
	r := s.receiver(c, "q", nil)
	for _, m := range receive(t, r, 3) {
		if m.DeliveryCount != 1 || m.DeadLetterReason != nil || m.ApplicationProperties["DeadLetterReason"] != nil {
			t.Errorf("message %s has delivery count %d and properties %v", m.MessageID, m.DeliveryCount, m.ApplicationProperties)
		}
		if err := r.CompleteMessage(testContext(t), m, nil); err != nil {
			t.Fatal(err)
		}
	}
	for _, bad := range []map[string]any{
		{}, {"message-count": int32(0)}, {"message-count": "1"}, {"message-count": int32(1), "enqueued-time-utc": "now"},
	} {
		call(purge, bad, 400, "")
		call(resubmit, bad, 400, "")
	}
	call(resubmit, map[string]any{"sequence-numbers": "all"}, 400, "sequence-numbers")
	dead = newRPC(t, s.session(), "q/$management")
	call(resubmit, map[string]any{"message-count": int32(1)}, 400, "not a dead-letter queue")
	call(purge, map[string]any{"message-count": int32(1)}, 204, "NoContent")
	conn, err := s.dial(amqp.SASLTypePlain("listens", "k"))
	if err != nil {
		t.Fatal(err)
	}
	dead = newRPC(t, s.newSession(conn), "q/$DeadLetterQueue/$management")
	call(resubmit, map[string]any{"message-count": int32(1)}, 401, "'Send' claim")
	call(purge, map[string]any{"message-count": int32(1)}, 204, "NoContent")
}

// TestBatchDeleteOfATier: who asks for more than the tier deletes in a request gets that.
func TestBatchDeleteOfATier(t *testing.T) {
	for sku, want := range map[string][]int32{"Standard": {500, 100}, "Premium": {600}} {
		s := newServer(t)
		if err := s.broker.PutNamespace(context.Background(), namespace, broker.NamespaceOptions{SKU: sku}); err != nil {
			t.Fatal(err)
		}
		s.queue("q", broker.QueueOptions{})
		session := s.session()
		var batch []byte
		for range 600 {
			batch = frames.AppendData(batch, frames.AppendData(nil, []byte("m")))
		}
		w := s.wire(5000)
		w.attach(frames.RoleSender, "q")
		w.send(frames.TypeAMQP, &frames.Transfer{DeliveryID: frames.Some(uint32(0)), DeliveryTag: []byte{1}, MessageFormat: frames.Some(uint32(0x80013700))}, batch)
		wantFrame[*frames.Disposition](w)
		rpc := newRPC(t, session, "q/$management")
		for _, n := range want {
			answer := rpc.call(map[string]any{"operation": "com.microsoft:batch-delete-messages"}, map[string]any{"message-count": int32(4000)})
			if got, _ := answer.Value.(map[string]any); got["message-count"] != n {
				t.Errorf("%s: deleted %v, want %d", sku, answer.Value, n)
			}
		}
		s.counts("q", 0, 0)
	}
}
