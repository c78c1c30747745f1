package servicebus

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"switchyard/amqp/encoding"
	"switchyard/amqp/frames"
	"switchyard/broker"
	"switchyard/broker/filter"
)

func ruleMessage(t testing.TB) broker.Content {
	payload := sentMessage{
		header: &frames.Header{Durable: true, TTL: frames.Some(uint32(90_000)), Priority: frames.Some(uint8(7))},
		annotations: mapOf(encoding.Symbol("x-opt-partition-key"), "s", encoding.Symbol("x-opt-via-partition-key"), "via",
			encoding.Symbol("x-opt-scheduled-enqueue-time"), testNow, encoding.Symbol("x-own"), int32(1)),
		properties: &frames.Properties{MessageID: uint64(17), CorrelationID: "c", Subject: frames.Some("label"), To: frames.Some("to"), GroupID: frames.Some("s"),
			ContentType: frames.Some(encoding.Symbol("text/plain")), UserID: []byte("user")},
		application: mapOf("byte", int8(-1), "short", int16(-2), "int", int32(-3), "long", int64(-4), "ubyte", uint8(1), "ushort", uint16(2), "uint", uint32(3), "ulong", uint64(4),
			"huge", uint64(math.MaxUint64), "float", float32(1.5), "double", 2.5, "text", "x", "symbol", encoding.Symbol("y"), "char", encoding.Char('z'), "yes", true, "null", nil,
			"uuid", encoding.UUID{1}, "time", testNow, "bytes", []byte{1}, "span", encoding.Described{Descriptor: encoding.Symbol("com.microsoft:timespan"), Value: int64(10_000_000)},
			"date", encoding.Described{Descriptor: encoding.Symbol("com.microsoft:datetime-offset"), Value: int64(epochTicks + 15_000_000)},
			"uri", encoding.Described{Descriptor: encoding.Symbol("com.microsoft:uri"), Value: "http://x"}, "Case", int64(1), "case", int64(2)),
		body: data("body"),
	}.encode(t)
	c, err := decodeContent(payload, testNow, testID)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestRuleProperties: what rules see of a message [SB-AMQP 8].
func TestRuleProperties(t *testing.T) {
	c := ruleMessage(t)
	for expression, want := range map[string]bool{
		"byte = -1 AND short = -2 AND int = -3 AND long = -4":             true,
		"ubyte = 1 AND ushort = 2 AND uint = 3 AND ulong = 4":             true,
		"huge > 9223372036854775807":                                      true,
		"float = 1.5 AND double = 2.5":                                    true,
		"text = 'x' AND symbol = 'y' AND char = 'z' AND uri = 'http://x'": true,
		"yes = TRUE AND [null] IS NULL AND EXISTS([null])":                true,
		"uuid = '01000000-0000-0000-0000-000000000000'":                   true,
		"TIME > date":                          true,
		"span < sys.TimeToLive":                true,
		"[case] = 2 AND Case = 1 AND CASE = 1": true, // its own name first
		"bytes = bytes":                        false,
		"sys.MessageId = '17' AND sys.CorrelationId = 'c' AND sys.Label='label'":   true,
		"sys.To = 'to' AND sys.SessionId = 's' AND sys.ContentType='text/plain'":   true,
		"sys.ReplyTo IS NULL AND sys.ReplyToSessionId IS NULL":                     true,
		"sys.PartitionKey = 's' AND sys.ViaPartitionKey = 'via'":                   true,
		"sys.ScheduledEnqueueTimeUtc = time":                                       true,
		"sys.Size > 100 AND sys.DeliveryCount = 0 AND sys.ForcePersistence=TRUE":   true,
		"sys.SequenceNumber IS NULL AND sys.LockToken IS NULL AND nothing IS NULL": true,
	} {
		m, err := filter.Filter{Expression: expression}.Compile()
		if err != nil {
			t.Fatal(err)
		}
		got, err := m.Match(&filter.Context{Properties: c.Encoding.Properties(&c)})
		if got != want || err != nil {
			t.Errorf("%s: %v, error %v; want %v", expression, got, err, want)
		}
	}
}

// TestRewrite: an action changes what it names and nothing else.
func TestRewrite(t *testing.T) {
	c := ruleMessage(t)
	const action = `SET byte = 5 SET short = 300 SET ubyte = 300 SET int = 70000 SET uint = 5 SET ulong = 6 SET float = 0.5 SET new = 1 SET NULL1 = NULL
		SET id = newid() SET span = span + span SET CASE = 9 REMOVE text REMOVE gone SET symbol = 'z'
		SET sys.MessageId = 'm2' SET sys.CorrelationId = 8 SET sys.Label = NULL SET sys.ReplyTo = 'r' SET sys.SessionId = 's2' SET sys.PartitionKey = 's2'
		SET sys.ReplyToSessionId = 'rs' SET sys.ContentType = 'a/b' SET sys.TimeToLive = '00:00:30' SET sys.ScheduledEnqueueTimeUtc = NULL SET sys.ViaPartitionKey = 'v2'`
	var before []filter.Change
	for _, part := range []string{action[:strings.Index(action, "SET id")], action[strings.Index(action, "SET id"):]} { // 32 statements fit, 1024 characters may not
		p, err := filter.Action{Expression: part}.Compile()
		if err != nil {
			t.Fatal(err)
		}
		changes, err := p.Run(&filter.Context{Properties: c.Encoding.Properties(&c), NewID: func() filter.UUID { return filter.UUID{9} }})
		if err != nil {
			t.Fatal(err)
		}
		before = append(before, changes...)
	}
	original := bytes.Clone(c.Sections)
	got, err := c.Encoding.Rewrite(&c, before)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(c.Sections, original) {
		t.Error("the message itself has changed")
	}
	if got.MessageID != "m2" || got.SessionID != "s2" || got.PartitionKey != "s2" || got.TimeToLive != 30*time.Second || !got.ScheduledFor.IsZero() || got.Encoding == nil {
		t.Errorf("content = %+v, want the new ids and times", got)
	}
	m, err := frames.ParseMessage(got.Sections)
	if err != nil {
		t.Fatal(err)
	}
	p := m.Properties
	if p.MessageID != "m2" || p.CorrelationID != "8" || p.Subject.Set || p.ReplyTo.Value != "r" || p.GroupID.Value != "s2" || p.ReplyToGroupID.Value != "rs" || p.ContentType.Value != "a/b" ||
		p.To.Value != "to" || string(p.UserID) != "user" {
		t.Errorf("properties = %+v", p)
	}
	if h := m.Header; !h.Durable || h.TTL.Value != 30_000 || h.Priority.Value != 7 {
		t.Errorf("header = %+v", h)
	}
	wantMap(t, "annotations", m.MessageAnnotations, mapOf(encoding.Symbol("x-opt-partition-key"), "s2", encoding.Symbol("x-opt-via-partition-key"), "v2", encoding.Symbol("x-own"), int32(1)))
	application, err := m.ApplicationProperties()
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]any{
		"byte": int8(5), "short": int16(300), "ubyte": int64(300), "int": int32(70000), "uint": uint32(5), "ulong": uint64(6), "float": float32(0.5), "new": int64(1), "NULL1": nil,
		"id": encoding.UUID{9}, "span": encoding.Described{Descriptor: encoding.Symbol("com.microsoft:timespan"), Value: int64(20_000_000)}, "Case": int64(9), "case": int64(2),
		"text": nil, "symbol": "z", "double": 2.5, "uri": encoding.Described{Descriptor: encoding.Symbol("com.microsoft:uri"), Value: "http://x"},
	} {
		v, ok := application.Get(name)
		if name == "text" {
			if ok {
				t.Error("text is still there")
			}
			continue
		}
		if !ok || fmt.Sprintf("%T %v", v, v) != fmt.Sprintf("%T %v", want, want) {
			t.Errorf("%s = %T %v, want %T %v", name, v, v, want, want)
		}
	}
	if !bytes.Equal(m.RawBody, data("body")) {
		t.Errorf("body = %x", m.RawBody)
	}
}

// TestRewriteSession: an action may give a message a session, or take it away.
func TestRewriteSession(t *testing.T) {
	with, without := ruleMessage(t), ruleMessage(t)
	with.SessionID, with.HasSession = "s", true
	without.SessionID, without.HasSession = "", false
	for _, c := range []struct {
		of   broker.Content
		to   filter.Value
		want string
		has  bool
	}{
		{without, "made", "made", true}, {without, "", "", true}, {without, nil, "", false},
		{with, "other", "other", true}, {with, nil, "", false},
	} {
		got, err := c.of.Encoding.Rewrite(&c.of, []filter.Change{{System: filter.SessionID, Value: c.to}})
		if err != nil || got.SessionID != c.want || got.HasSession != c.has {
			t.Errorf("session %q set to %v: %q, has one %t, %v; want %q, %t", c.of.SessionID, c.to, got.SessionID, got.HasSession, err, c.want, c.has)
		}
	}
}

// TestDecimal: the encodings of IEEE 754-2008, binary integer form.
func TestDecimal(t *testing.T) {
	for _, c := range []struct {
		v    any
		want float64
	}{
		{encoding.Decimal32{0x32, 0x80, 0, 1}, 1},
		{encoding.Decimal32{0xb2, 0x80, 0, 1}, -1},
		{encoding.Decimal32{0x32, 0, 0, 15}, 1.5},
		{encoding.Decimal32{0x6c, 0xb8, 0x96, 0x7f}, 9999999}, // the form with a large significand
		{encoding.Decimal32{0x77, 0xff, 0xff, 0xff}, 0},       // not canonical
		{encoding.Decimal64{0x31, 0xc0, 0, 0, 0, 0, 0, 1}, 1},
		{encoding.Decimal64{0x31, 0xa0, 0, 0, 0, 0, 0x49, 0xfd}, 1894.1},
		{encoding.Decimal128{0x30, 0x40, 15: 1}, 1},
		{encoding.Decimal128{0x30, 0x3e, 15: 25}, 2.5},
		{encoding.Decimal128{0x78}, math.Inf(1)},
		{encoding.Decimal128{0xf8}, math.Inf(-1)},
		{encoding.Decimal128{0x5f, 0xfe, 15: 1}, math.Inf(1)}, // 1e6111 is no double
	} {
		if got := ruleValue(c.v); got != c.want {
			t.Errorf("%T %x = %v, want %v", c.v, c.v, got, c.want)
		}
	}
	if got := ruleValue(encoding.Decimal64{0x7c}).(float64); got == got {
		t.Errorf("not a number = %v", got)
	}
}

// FuzzRewrite: whatever a client sends can be matched and rewritten, and what
// comes out can be read.
func FuzzRewrite(f *testing.F) {
	f.Add(ruleMessage(f).Sections)
	f.Add(data("x"))
	match, err := filter.Filter{Expression: "a = 1 OR b LIKE 'x%' OR sys.Size < 5 OR EXISTS(sys.To) OR text = 'x'"}.Compile()
	if err != nil {
		f.Fatal(err)
	}
	action, err := filter.Action{Expression: "SET a = 1 SET text = text + 'y' REMOVE int SET sys.Label = 'l' SET sys.PartitionKey = 'k' SET sys.TimeToLive = '00:00:01'"}.Compile()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		c, err := decodeContent(payload, testNow, testID)
		if err != nil {
			return
		}
		ctx := &filter.Context{Properties: c.Encoding.Properties(&c)}
		if _, err := match.Match(ctx); err != nil {
			t.Fatal(err)
		}
		changes, err := action.Run(ctx)
		if err != nil {
			return // a long text
		}
		out, err := c.Encoding.Rewrite(&c, changes)
		if err != nil {
			t.Fatal(err)
		}
		if out.PartitionKey = ""; out.SessionID != c.SessionID || out.MessageID != c.MessageID {
			t.Errorf("ids %+v, want those of %+v", out, c)
		}
		if v, ok := out.Encoding.Properties(&out).User("a"); !ok || v == nil {
			t.Errorf("a = %v, %v", v, ok)
		}
		if _, err := encodeDelivery(&broker.Message{Content: out}, viewPeekLock); err != nil {
			t.Errorf("rewritten message: %v", err)
		}
	})
}
