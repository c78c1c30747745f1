package trial

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"switchyard/bridge"
	"switchyard/broker"
	"switchyard/pipeline"
	"switchyard/pipeline/activity"
	"switchyard/value"
	"switchyard/value/read"
)

// An Input is a message to send.
type Input struct {
	Line    int // of the file, from 1
	Message *broker.Message
}

// ParseInput reads messages: one JSON object a line. Empty lines are none. The error
// names the line and the member.
func ParseInput(text []byte) ([]Input, error) {
	text, err := value.Decode(text)
	if err != nil {
		return nil, err
	}
	var in []Input
	for i, line := range bytes.Split(text, []byte("\n")) {
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		m, err := parseMessage(line)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", i+1, err)
		}
		in = append(in, Input{i + 1, m})
	}
	return in, nil
}

// first keeps the first thing that is wrong with a message.
type first struct{ err error }

// Report implements [read.Sink].
func (f *first) Report(p read.Problem) {
	if f.err == nil {
		f.err = fmt.Errorf("%s %s", p.At(), problem(p))
	}
}

// problem says what is wrong with a member.
func problem(p read.Problem) string {
	switch p.Reason {
	case read.WrongKind:
		return "should be " + kinds[p.Want]
	case read.Unknown:
		return "is not known; known are " + strings.Join(p.Known, ", ")
	case read.Missing, read.Empty:
		return "is missing"
	}
	return p.Text
}

// kinds are the words for what a member should be.
var kinds = value.KindNames{
	value.KindNull: "null", value.KindBool: "true or false", value.KindInt: "a whole number",
	value.KindFloat: "a number", value.KindString: "a text", value.KindArray: "an array",
	value.KindObject: "an object",
}

// MaxID is how many characters the ids of a message may have [SB-SEM 1.5, 2.8].
const MaxID = 128

// unused are the members with which peek and receive show a message that no pipeline
// sees, or that the broker gives it anew.
var unused = []string{"sequenceNumber", "enqueuedTimeUtc", "deliveryCount", "state", "lockToken", "lockedUntilUtc",
	"expiresAtUtc", "scheduledEnqueueTimeUtc", "partitionKey", "replyToSessionId", "deadLetterReason",
	"deadLetterErrorDescription", "deadLetterSource", "bodyText"}

// timeToLive reads a time to live as Data Factory or as peek writes it.
func timeToLive(text string) (time.Duration, error) {
	if d, err := time.ParseDuration(text); err == nil {
		return d, nil
	}
	return pipeline.ParseTimespan(text)
}

func parseMessage(line []byte) (*broker.Message, error) {
	v, err := value.Parse(line)
	if err != nil {
		return nil, fmt.Errorf("is no JSON object: %w", err)
	}
	o, ok := v.(*value.Object)
	if !ok {
		return nil, fmt.Errorf("is no JSON object but %s", kinds.Of(v))
	}
	var wrong first
	in := read.New(o, "", &wrong)
	var out activity.OutMessage
	for _, m := range []struct {
		name string
		to   *string
	}{
		{"messageId", &out.MessageID}, {"subject", &out.Subject}, {"contentType", &out.ContentType},
		{"correlationId", &out.CorrelationID}, {"sessionId", &out.SessionID}, {"to", &out.To},
		{"replyTo", &out.ReplyTo},
	} {
		*m.to, _ = in.String(m.name)
	}
	for _, name := range []string{"messageId", "sessionId"} {
		if text, _ := in.String(name); utf8.RuneCountInString(text) > MaxID {
			in.Fail(name, "is longer than %d characters", MaxID)
		}
	}
	if text, ok := in.String("timeToLive"); ok {
		if out.TimeToLive, err = timeToLive(text); err != nil || out.TimeToLive <= 0 {
			in.Fail("timeToLive", "%q is not a time such as 00:05:00 or 5m0s", text)
		}
	}
	out.ApplicationProperties = scalars(in, "applicationProperties")
	if _, dead := in.String("deadLetterReason"); dead {
		// The broker shows its reasons as properties, too, and takes them from what is
		// put back.
		out.ApplicationProperties = without(out.ApplicationProperties, "DeadLetterReason", "DeadLetterErrorDescription")
	}
	setBody(in, &out)
	in.Only(append([]string{"messageId", "subject", "contentType", "correlationId", "sessionId", "to", "replyTo", "timeToLive",
		"applicationProperties", "body", "bodyBase64"}, unused...)...)
	if wrong.err != nil {
		return nil, wrong.err
	}
	return bridge.NewMessage("", out)
}

// without is an object without some of its members.
func without(o *value.Object, names ...string) *value.Object {
	rest := &value.Object{}
	for _, m := range o.Members() {
		if !slices.Contains(names, m.Name) {
			rest.Set(m.Name, m.Value)
		}
	}
	return rest
}

// scalars reads application properties.
func scalars(in *read.Members, name string) *value.Object {
	o, _ := in.Object(name)
	for _, m := range o.Raw().Members() {
		switch m.Value.(type) {
		case *value.Object, value.Array:
			o.Fail(m.Name, "should be a text, a number, true, false or null")
		}
	}
	return o.Raw()
}

// setBody reads the body as the activity ServiceBusSend writes it: a text is the body,
// everything else its JSON. A content type that is given, be it null, is not replaced.
func setBody(in *read.Members, out *activity.OutMessage) {
	body, _ := in.Value("body")
	usual := ""
	switch b := body.(type) {
	case nil:
	case string:
		out.Body, usual = []byte(b), "text/plain"
	default:
		out.Body, usual = value.Append(nil, b), "application/json"
	}
	if coded, ok := in.String("bodyBase64"); ok {
		raw, err := base64.StdEncoding.DecodeString(coded)
		if err != nil {
			in.Fail("bodyBase64", "is not base64: %v", err)
		}
		if shown, _ := ShownBody(raw); body != nil && !value.Equal(body, shown) {
			in.Fail("bodyBase64", "is not what stands in body; give one of the two")
		}
		out.Body, usual = raw, ""
	}
	if _, given := in.Raw().Lookup("contentType"); !given {
		out.ContentType = usual
	}
}

// ShownBody is a body as the member body shows it: the JSON that it is, or its text, nil
// if it is none. It is not whole if a reader of that would take it for another body: that
// needs the member bodyBase64.
func ShownBody(raw []byte) (body value.Value, whole bool) {
	if !utf8.Valid(raw) {
		return nil, false
	}
	if v, err := value.Parse(raw); err == nil && json.Valid(raw) {
		_, text := v.(string)
		return v, v != nil && !text
	}
	return string(raw), true
}
