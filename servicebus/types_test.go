package servicebus_test

import (
	"bytes"
	"encoding/hex"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/Azure/go-amqp"

	"switchyard/amqp/encoding"
	"switchyard/amqp/frames"
	"switchyard/broker"
)

// unhex reads bytes in groups, with comments behind "//".
func unhex(t *testing.T, lines string) []byte {
	t.Helper()
	var all []byte
	for line := range strings.Lines(lines) {
		code, _, _ := strings.Cut(line, "//")
		b, err := hex.DecodeString(strings.Join(strings.Fields(code), ""))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, b...)
	}
	return all
}

// section wraps items into a described list or map of the wide form.
func section(code, constructor byte, items []byte, count byte) []byte {
	n := len(items) + 4
	return append([]byte{0, 0x53, code, constructor, 0, 0, byte(n >> 8), byte(n), 0, 0, 0, count}, items...)
}

// TestBytesComeBack: properties, application properties, body and footer come back as the
// bytes that were sent, wide forms where narrow ones would do included, whichever way the
// message came and was received [SB-AMQP 2.4].
func TestBytesComeBack(t *testing.T) {
	properties := section(0x73, 0xd0, unhex(t, `
		98 0a1b2c3d4e5f60718293a4b5c6d7e8f9  // message-id, a uuid
		b0 00000002 ff00                     // user-id in the wide form
		40 b1 00000001 73 40                 // to, subject, reply-to
		80 0000000000000005                  // correlation-id, a ulong that would fit one byte
		b3 00000001 63                       // content-type
	`), 7)
	application := section(0x74, 0xd1, unhex(t, `
		a1 01 61 74 22400001                          // decimal32
		a1 01 62 84 2234000000000001                  // decimal64
		a1 01 63 94 000102030405060708090a0b0c0d0e0f  // decimal128
		a1 01 64 70 00000001                          // uint in the wide form
		a1 01 65 71 ffffffff                          // int in the wide form
		a1 01 66 56 01                                // boolean of two bytes
		a1 01 67 73 000020ac                          // char
		a1 01 68 83 7fffffffffffffff                  // a timestamp beyond all calendars
		a1 01 69 98 00112233445566778899aabbccddeeff  // uuid
		a1 01 6a 72 7fc00001                          // a NaN with a payload
		a1 01 6b 00 a3 16 636f6d2e6d6963726f736f66743a74696d657370616e 81 0000000000000007 // com.microsoft:timespan
		a1 01 6c 40                                   // null
		a1 01 6d 51 80                                // byte
		a1 01 6e b1 00000002 c3a4                     // string in the wide form
	`), 28)
	footer := section(0x78, 0xd1, unhex(t, `a3 01 66 a1 01 78`), 2)
	value := append([]byte{0, 0x53, 0x77}, nested()...)
	sequences := append(section(0x76, 0xd0, unhex(t, `54 ff 40 a1 01 78`), 3), 0, 0x53, 0x76, 0x45)
	data := unhex(t, `00 53 75 b0 00000001 61 00 53 75 a0 00 00 53 75 a0 01 62`)
	for name, body := range map[string][]byte{"value": value, "sequences": sequences, "data": data} {
		t.Run(name, func(t *testing.T) {
			sent := slices.Concat(properties, application, body, footer)
			compare := func(how string, got []byte) {
				t.Helper()
				m, err := frames.ParseMessage(got)
				if err != nil {
					t.Fatalf("%s: %v", how, err)
				}
				for _, s := range []struct {
					what      string
					got, want []byte
				}{{"properties", m.RawProperties, properties}, {"application properties", m.RawApplicationProperties, application},
					{"body", m.RawBody, body}, {"footer", m.RawFooter, footer}} {
					if !bytes.Equal(s.got, s.want) {
						t.Errorf("%s: the %s are %x, want %x", how, s.what, s.got, s.want)
					}
				}
			}
			s := newServer(t)
			s.queue("q", broker.QueueOptions{})
			w := s.wire(5000)
			w.attach(frames.RoleSender, "q")
			w.attach(frames.RoleReceiver, "q")
			delivered := uint32(0)
			receive := func(how string, outcome frames.State) {
				t.Helper()
				w.credit(1, delivered)
				delivered++
				d, payload := w.wantTransfer()
				compare(how, payload)
				w.send(frames.TypeAMQP, &frames.Disposition{Role: frames.RoleReceiver, First: d.DeliveryID.Value, Last: d.DeliveryID.Value, State: outcome}, nil)
				wantFrame[*frames.Disposition](w)
			}
			rpc := newRPC(t, s.session(), "q/$management")
			call := func(operation string, body map[string]any) map[string]any {
				t.Helper()
				m := rpc.call(map[string]any{"operation": "com.microsoft:" + operation}, body)
				if m.ApplicationProperties["statusCode"] != int32(200) {
					t.Fatalf("%s: %v", operation, m.ApplicationProperties)
				}
				return m.Value.(map[string]any)
			}
			w.transfer(0, sent)
			wantFrame[*frames.Disposition](w)
			peeked := call("peek-message", map[string]any{"from-sequence-number": int64(0), "message-count": int32(1)})
			compare("peeked", peeked["messages"].([]any)[0].(map[string]any)["message"].([]byte))
			receive("received", frames.Modified{})
			receive("abandoned", frames.Modified{UndeliverableHere: true})
			deferred := call("receive-by-sequence-number", map[string]any{"sequence-numbers": []int64{1}, "receiver-settle-mode": uint32(0)})
			compare("deferred", deferred["messages"].([]any)[0].(map[string]any)["message"].([]byte))

			batch := frames.AppendData(frames.AppendData(nil, sent), sent)
			w.send(frames.TypeAMQP, &frames.Transfer{DeliveryID: frames.Some(uint32(1)), DeliveryTag: []byte{9}, MessageFormat: frames.Some(uint32(0x80013700))}, batch)
			wantFrame[*frames.Disposition](w)
			receive("first of a batch", frames.Accepted{})
			receive("second of a batch", frames.Accepted{})

			call("schedule-message", map[string]any{"messages": []any{map[string]any{"message-id": amqp.UUID{1}, "message": sent}}})
			receive("scheduled", frames.Released{})
			receive("released", frames.Rejected{})
			dead := s.wire(5000)
			dead.attach(frames.RoleReceiver, "q/$DeadLetterQueue")
			dead.credit(1, 0)
			_, payload := dead.wantTransfer()
			compare("dead-lettered without a reason", payload)
			// With properties that are added the section is written anew: values and types are
			// as they were.
			w.transfer(2, sent)
			wantFrame[*frames.Disposition](w)
			w.credit(1, delivered)
			d, _ := w.wantTransfer()
			w.send(frames.TypeAMQP, &frames.Disposition{Role: frames.RoleReceiver, First: d.DeliveryID.Value, Last: d.DeliveryID.Value,
				State: frames.Rejected{Error: &frames.Error{Condition: "app:bad", Description: "very"}}}, nil)
			wantFrame[*frames.Disposition](w)
			dead.credit(1, 1)
			_, payload = dead.wantTransfer()
			sameProperties(t, payload, sent)
		})
	}
}

// sameProperties compares the application properties of a dead letter, but for those that tell
// why it is one, with those that were sent.
func sameProperties(t *testing.T, dead, sent []byte) {
	t.Helper()
	read := func(payload []byte) *encoding.Map {
		m, err := frames.ParseMessage(payload)
		if err != nil {
			t.Fatal(err)
		}
		properties, err := m.ApplicationProperties()
		if err != nil {
			t.Fatal(err)
		}
		return properties
	}
	got, want := read(dead), read(sent)
	if reason, _ := got.Get("DeadLetterReason"); reason != "app:bad" || got.Len() != want.Len()+2 {
		t.Errorf("a dead letter with %v", got)
	}
	for _, p := range want.Pairs {
		v, _ := got.Get(p.Key.(string))
		a, err := encoding.Append(nil, v)
		b, _ := encoding.Append(nil, p.Value)
		if err != nil || !bytes.Equal(a, b) {
			t.Errorf("property %v is %x, want %x (%v)", p.Key, a, b, err)
		}
	}
}

// nested is a map with maps, a list and an array in it.
func nested() []byte {
	array := append([]byte{0xf0, 0, 0, 0, 13, 0, 0, 0, 2, 0x71}, 0, 0, 0, 1, 0, 0, 0, 2)
	list := append([]byte{0xd0, 0, 0, 0, byte(4 + len(array) + 2), 0, 0, 0, 3}, append(array, 0x40, 0x45)...)
	inner := []byte{0xa1, 1, 'b', 0xc1, 5, 2, 0xa1, 1, 'c', 0x42}
	maps := append([]byte{0xd1, 0, 0, 0, byte(4 + len(inner)), 0, 0, 0, 2}, inner...)
	items := slices.Concat([]byte{0xa1, 1, 'a'}, maps, []byte{0xa1, 1, 'l'}, list)
	return append([]byte{0xc1, byte(1 + len(items)), 4}, items...)
}

// wantTransfer reads up to the next transfer.
func (w *wire) wantTransfer() (*frames.Transfer, []byte) {
	w.t.Helper()
	w.nc.SetReadDeadline(time.Now().Add(20 * time.Second))
	for {
		body, payload, err := w.frame()
		if err != nil {
			w.t.Fatal(err)
		}
		if t, ok := body.(*frames.Transfer); ok {
			return t, payload
		}
	}
}
