package entity_test

import (
	"fmt"
	"time"

	"pgregory.net/rapid"

	"switchyard/broker/entity"
)

// transfer sends messages that are to go on to another entity.
func (m *machine) transfer(t *rapid.T) {
	op := entity.Transfer{Keep: rapid.Bool().Draw(t, "keep")}
	for range rapid.IntRange(1, 3).Draw(t, "messages") {
		msg := &entity.Message{}
		msg.Sections = []byte(fmt.Sprint("body ", m.nextSeq))
		msg.Destination = "elsewhere"
		x := &modelMessage{seq: m.nextSeq, body: m.nextSeq, sub: entity.TransferQueue}
		if msg.TimeToLive = time.Duration(rapid.SampledFrom([]int{0, 0, 3}).Draw(t, "ttl")) * time.Second; msg.TimeToLive > 0 {
			x.expires = m.now.Add(msg.TimeToLive)
		}
		m.model[m.nextSeq] = x
		m.nextSeq++
		op.Messages = append(op.Messages, msg)
	}
	m.mustCheck(t, op)
	m.apply(t, op)
}

// regain makes what was left behind ready again.
func (m *machine) regain(t *rapid.T) {
	m.q.Regain(entity.TransferQueue)
	for _, x := range m.model {
		x.left = x.left && x.sub != entity.TransferQueue
	}
}
