package servicebus

import (
	"fmt"
	"strconv"

	"switchyard/amqp/encoding"
)

// idText is a message or correlation id as text, "" for none: to rules, to pipelines
// and wherever ids are compared. AMQP has four types of ids; the text of each is what
// Microsoft's AMQP library makes of it, with which Service Bus is made [SB-AMQP 8].
func idText(id any) string {
	switch id := id.(type) {
	case string:
		return id
	case uint64:
		return strconv.FormatUint(id, 10)
	case encoding.UUID:
		return id.String()
	case []byte:
		return fmt.Sprintf("%X", id)
	}
	return ""
}
