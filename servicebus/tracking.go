package servicebus

import (
	"fmt"

	"github.com/google/uuid"

	"switchyard/amqp/encoding"
	"switchyard/amqp/frames"
)

const trackingProperty = "com.microsoft:tracking-id"

// tracked adds to a text what the service adds to every error, in the form that
// log parsers know [SB-AMQP 10]. The tracking id is the client's, if it sent
// one.
func (c *conn) tracked(text, tracker, trackingID string) string {
	if trackingID == "" {
		trackingID = c.newID().String()
	}
	c.faults++
	return fmt.Sprintf("%s TrackingId:%s_G%d, SystemTracker:%s, Timestamp:%s",
		text, trackingID, c.faults, tracker, c.h.clock.Now().UTC().Format("2006-01-02T15:04:05"))
}

// tracker names what an error is about.
func (c *conn) tracker(a address) string {
	if a.node == tokenNode || a.entity == "" {
		return c.ns
	}
	return c.ns + ":Queue:" + a.queue()
}

// amqpError makes the error that a client sees.
func (c *conn) amqpError(f *fault, a address, trackingID string) *frames.Error {
	return &frames.Error{Condition: f.condition, Description: c.tracked(c.words(f, a), c.tracker(a), trackingID)}
}

// uri returns the entity's URI as it stands in error texts.
func (c *conn) uri(path string) string { return "sb://" + c.host + "/" + path }

// newID makes a random UUID (version 4).
func (c *conn) newID() encoding.UUID {
	id, err := uuid.NewRandomFromReader(c.h.rand)
	if err != nil {
		panic("servicebus: no randomness: " + err.Error())
	}
	return encoding.UUID(id)
}
