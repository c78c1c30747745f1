package servicebus

import (
	"fmt"
	"time"
	"unicode/utf8"

	"switchyard/amqp/encoding"
	"switchyard/amqp/frames"
	"switchyard/broker"
)

// What the headers of a message may have beside [broker.MaxHeaders] of them [SB-SEM 1.5].
const (
	maxProperty = 32<<10 - 1 // bytes of one property
	maxID       = 128        // characters of an id or key
)

// checkHeaders refuses properties above the limits. The condition is one that clients
// take as final: with the service's own, frameworks tried again without end.
func checkHeaders(m *frames.Message, properties *encoding.Map) error {
	if properties != nil {
		for _, p := range properties.Pairs {
			if n := size(p.Value); n > maxProperty {
				return tooLong(fmt.Sprintf("The application property '%.80s'", p.Key), n, maxProperty, "bytes")
			}
		}
	}
	if n := len(m.RawProperties) + len(m.RawApplicationProperties); n > broker.MaxHeaders {
		return tooLong("The message's headers and application properties together", n, broker.MaxHeaders, "bytes")
	}
	if p := m.Properties; p != nil {
		if id, ok := p.MessageID.(string); ok && utf8.RuneCountInString(id) > maxID {
			return tooLong("The message id", utf8.RuneCountInString(id), maxID, "characters")
		}
		if n := utf8.RuneCountInString(p.GroupID.Value); n > maxID {
			return tooLong("The session id", n, maxID, "characters")
		}
	}
	return nil
}

func tooLong(what string, n, limit int, unit string) error {
	return &fault{frames.ErrNotAllowed, 400, fmt.Sprintf("%s has %d %s, at most %d are allowed.", what, n, unit, limit)}
}

// size is what makes a property large.
func size(v any) int {
	switch v := v.(type) {
	case string:
		return len(v)
	case encoding.Symbol:
		return len(v)
	case []byte:
		return len(v)
	}
	return 0
}

// systemType is what .NET, and so the service, calls the type of a value.
func systemType(v any) string {
	switch v.(type) {
	case bool:
		return "System.Boolean"
	case int8:
		return "System.SByte"
	case uint8:
		return "System.Byte"
	case int16:
		return "System.Int16"
	case uint16:
		return "System.UInt16"
	case int32:
		return "System.Int32"
	case uint32:
		return "System.UInt32"
	case int64:
		return "System.Int64"
	case float32:
		return "System.Single"
	case float64:
		return "System.Double"
	case time.Time:
		return "System.DateTime"
	}
	return fmt.Sprintf("%T", v)
}
