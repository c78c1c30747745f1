package servicebus_test

import (
	"slices"
	"strings"
	"testing"

	"switchyard/amqp/encoding"
	"switchyard/amqp/frames"
	"switchyard/broker"
)

// TestBatchesAreWhole: a batch is taken with all its messages or not at all, is answered once,
// and is told what is wrong; the link goes on, but after one with nothing in it
// [SB-AMQP 8.1].
func TestBatchesAreWhole(t *testing.T) {
	member := func(id, session, property string) []byte {
		p := &frames.Properties{MessageID: id}
		if session != "" {
			p.GroupID = frames.Some(session)
		}
		b, err := frames.AppendProperties(nil, p)
		if err == nil && property != "" {
			m := new(encoding.Map)
			m.Set("p", property)
			b, err = frames.AppendApplicationProperties(b, m)
		}
		if err != nil {
			t.Fatal(err)
		}
		return frames.AppendData(b, []byte("x"))
	}
	batch := func(members ...[]byte) (b []byte) {
		for _, m := range members {
			b = frames.AppendData(b, m)
		}
		return b
	}
	// The envelope repeats what the first message has.
	envelope := func(of []byte, b []byte) []byte {
		m, err := frames.ParseMessage(of)
		if err != nil {
			t.Fatal(err)
		}
		return slices.Concat(m.RawProperties, b)
	}
	good, other := member("1", "s", ""), member("2", "t", "")
	doubled := append(slices.Clone(good), good[:len(good)-6]...)
	for _, x := range []struct {
		name      string
		payload   []byte
		format    uint32
		condition encoding.Symbol // "": accepted
		text      string
		taken     int
	}{
		{"two", batch(good, other), 0x80013700, "", "", 2},
		{"one", batch(good), 0x80013700, "", "", 1},
		{"with an envelope", envelope(good, batch(good, other)), 0x80013700, "", "", 2},
		{"a member without a session", batch(good, member("2", "", "")), 0x80013700, "amqp:not-allowed", "SessionId was not set", 0},
		{"a member with a property that is too large", batch(good, member("2", "s", strings.Repeat("x", 33<<10))), 0x80013700, "amqp:not-allowed", "'p'", 0},
		{"a member that is no message", batch(good, []byte{1, 2, 3}), 0x80013700, "com.microsoft:argument-error", "", 0},
		{"a member with a section twice", batch(good, doubled), 0x80013700, "com.microsoft:argument-error", "", 0},
		{"an empty member", batch(good, nil), 0x80013700, "amqp:not-allowed", "SessionId was not set", 0},
		{"a value as the body", append([]byte{0, 0x53, 0x77, 0xa1, 1}, 'x'), 0x80013700, "com.microsoft:argument-error", "batch", 0},
		{"another format", batch(good), 0x80013701, "amqp:not-allowed", "0x80013701", 0},
		{"larger than a message may be", batch(slices.Repeat([][]byte{member("1", "s", strings.Repeat("x", 30<<10))}, 10)...), 0x80013700, "amqp:link:message-size-exceeded", "262144", 0},
	} {
		t.Run(x.name, func(t *testing.T) {
			s := newServer(t)
			s.queue("q", broker.QueueOptions{RequiresSession: true})
			w := s.wire(5000)
			w.attach(frames.RoleSender, "q")
			for at, last := 0, false; !last; {
				n := min(len(x.payload)-at, 60000)
				last = at+n == len(x.payload)
				w.send(frames.TypeAMQP, &frames.Transfer{DeliveryID: frames.Some(uint32(0)), DeliveryTag: []byte{1}, MessageFormat: frames.Some(x.format),
					More: !last}, x.payload[at:at+n])
				at += n
			}
			d := wantFrame[*frames.Disposition](w)
			rejected, refused := d.State.(frames.Rejected)
			switch {
			case !d.Settled || d.First != 0 || d.Last != 0:
				t.Errorf("answered with %+v", d)
			case refused != (x.condition != ""):
				t.Errorf("answered with %T %+v", d.State, rejected.Error)
			case refused && (rejected.Error.Condition != x.condition || !strings.Contains(rejected.Error.Description, x.text)):
				t.Errorf("refused with %s %q, want %s with %q", rejected.Error.Condition, rejected.Error.Description, x.condition, x.text)
			}
			s.counts("q", int64(x.taken), 0)
			w.transfer(1, good)
			if d := wantFrame[*frames.Disposition](w); d.State != (frames.Accepted{}) {
				t.Errorf("the next message: %+v", d.State)
			}
		})
	}
}
