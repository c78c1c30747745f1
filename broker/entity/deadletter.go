package entity

import (
	"cmp"
	"fmt"
	"time"
)

// exhausted is why a message goes to the dead-letter queue whose delivery count
// has reached the limit. Who settles it may have a reason of its own.
func exhausted(it *item, own *DeadLetterInfo) DeadLetterInfo {
	var info DeadLetterInfo
	if own != nil {
		info = *own
	}
	if info.Reason == "" {
		info.Reason = ReasonMaxDeliveryCount
		info.Description = fmt.Sprintf(DescriptionMaxDeliveryCount, it.status.DeliveryCount)
	}
	return info
}

// deadLetters returns where what is dead-lettered from the sub-queue goes.
func (s *sub) deadLetters() *sub {
	if s.id == TransferQueue {
		return s.q.subs[TransferDeadLetterQueue]
	}
	return s.q.subs[DeadLetterQueue]
}

// deadLetter moves an unlocked message of the main queue to the dead-letter queue, or one
// of the transfer queue to its dead letters. It keeps its number, enqueued time
// and delivery count; it has no time to live there [SB-SEM 2.4]. The hops of one that
// somebody has received count anew: that is no loop of the broker's own.
func (s *sub) deadLetter(it *item, why DeadLetterInfo, c *Content, received bool, d *Decision) {
	if c == nil {
		panic(fmt.Sprintf("entity: message %d is dead-lettered without its content", it.seq))
	}
	m := it.message(c)
	m.ExpiresAt = time.Time{}
	if received {
		m.Hops = 0
	}
	m.Status = Status{
		DeliveryCount:    it.status.DeliveryCount,
		Properties:       merge(it.status.Properties, why.Properties, true),
		DeadLetterSource: it.status.DeadLetterSource,
	}
	m.Properties = merge(m.Properties, why.reasons(), true)
	d.deadLettered(cmp.Or(why.Shown, why.Reason), m.MessageID)
	s.remove(it, d)
	dlq := s.deadLetters()
	dlq.accept(m, len(dlq.consumers) > 0, d)
}

// reasons returns the properties that tell why a message is where it is.
func (i DeadLetterInfo) reasons() (reasons []Property) {
	if i.Reason != "" {
		reasons = append(reasons, Property{PropertyDeadLetterReason, i.Reason})
	}
	if i.Description != "" {
		reasons = append(reasons, Property{PropertyDeadLetterDescription, i.Description})
	}
	return reasons
}
