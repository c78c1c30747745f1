package entity

import (
	"time"

	"switchyard/broker/filter"
)

// lazyProperties reads a message's properties when the first is asked for, once
// for all rules. The enqueued time is that of the evaluation.
type lazyProperties struct {
	content *Content
	now     time.Time
	read    filter.Properties
}

func (p *lazyProperties) properties() filter.Properties {
	if p.read == nil {
		p.read = contentProperties{p.content}
		if e := p.content.Encoding; e != nil {
			p.read = e.Properties(p.content)
		}
	}
	return p.read
}

func (p *lazyProperties) System(s filter.SystemProperty) (filter.Value, bool) {
	switch s {
	case filter.EnqueuedTimeUTC:
		return p.now, true
	case filter.ExpiresAtUTC:
		return filter.ExpiresAt(p)
	}
	return p.properties().System(s)
}

func (p *lazyProperties) User(name string) (filter.Value, bool) { return p.properties().User(name) }

// contentProperties are the properties of a message without Encoding.
type contentProperties struct{ c *Content }

func (p contentProperties) System(s filter.SystemProperty) (filter.Value, bool) {
	text := ""
	switch s {
	case filter.MessageID:
		text = p.c.MessageID
	case filter.SessionID:
		text = p.c.SessionID
	case filter.PartitionKey:
		text = p.c.PartitionKey
	case filter.Size:
		return int64(len(p.c.Sections)), true
	case filter.TimeToLive:
		return p.c.TimeToLive, p.c.TimeToLive > 0
	}
	return text, text != ""
}

func (p contentProperties) User(string) (filter.Value, bool) { return nil, false }
