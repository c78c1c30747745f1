package servicebus

import (
	"fmt"

	"switchyard/amqp/encoding"
	"switchyard/amqp/frames"
)

// A request is a message to $cbs or $management [SB-AMQP 4.2, 9.1].
type request struct {
	id         any    // message-id, of any type; the response gives it back
	replyTo    string // "": the client did not say
	operation  string
	properties *encoding.Map // application properties
	body       any           // the value, or the bytes of a data section

	transactional bool   // it is an operation of a transaction
	transaction   []byte // the id
}

// decodeRequest reads a request. Errors wrap errMessage. A request without a
// message id or a body is well-formed: what needs them refuses it.
func decodeRequest(payload []byte) (*request, error) {
	m, err := frames.ParseMessage(payload)
	if err != nil {
		return nil, fmt.Errorf("%w: request: %w", errMessage, err)
	}
	req := new(request)
	if req.properties, err = m.ApplicationProperties(); err != nil {
		return nil, fmt.Errorf("%w: request: %w", errMessage, err)
	}
	if m.Properties != nil {
		req.id = m.Properties.MessageID
		req.replyTo = m.Properties.ReplyTo.Or("")
	}
	req.operation = req.text("operation")
	if value, ok, err := m.Value(); ok || err != nil {
		if err != nil {
			return nil, fmt.Errorf("%w: request: %w", errMessage, err)
		}
		req.body = value
	} else if data := m.Data(); len(data) == 1 {
		req.body = data[0]
	} else if len(m.RawBody) > 0 {
		return nil, fmt.Errorf("%w: the body of a request must be one value", errMessage)
	}
	return req, nil
}

// text returns a string among the application properties, "" if there is none.
func (r *request) text(name string) string {
	v, _ := r.properties.Get(name)
	s, _ := v.(string)
	return s
}

// A response answers a request.
type response struct {
	status      int32
	description string
	condition   encoding.Symbol // failures only
	body        *encoding.Map   // nil: an empty map
}

// tokenResponse encodes the answer of $cbs [SB-AMQP 4.3].
func tokenResponse(req *request, r response) ([]byte, error) {
	p := new(encoding.Map)
	p.Set("status-code", r.status)
	p.Set("status-description", r.description)
	return encodeResponse(req, p, nil)
}

// managementResponse encodes the answer of $management [SB-AMQP 9.1], with both
// spellings of the status because some clients look for the other one.
func managementResponse(req *request, r response) ([]byte, error) {
	p := new(encoding.Map)
	p.Set("statusCode", r.status)
	p.Set("status-code", r.status)
	p.Set("statusDescription", r.description)
	p.Set("status-description", r.description)
	if r.condition != "" {
		p.Set("errorCondition", r.condition)
	}
	if id := trackingID(req.properties); id != "" {
		p.Set(trackingProperty, id)
	}
	body := r.body
	if body == nil {
		body = new(encoding.Map)
	}
	return encodeResponse(req, p, body)
}

func encodeResponse(req *request, application *encoding.Map, body any) ([]byte, error) {
	p := &frames.Properties{CorrelationID: req.id}
	if req.replyTo != "" {
		p.To = frames.Some(req.replyTo)
	}
	b, err := frames.AppendProperties(nil, p)
	if err != nil {
		return nil, err
	}
	if b, err = frames.AppendApplicationProperties(b, application); err != nil {
		return nil, err
	}
	if m, ok := body.(*encoding.Map); ok && m == nil {
		body = nil
	}
	return frames.AppendValue(b, body)
}
