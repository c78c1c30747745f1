package filter

import (
	"strings"
	"time"
)

// A SystemProperty is a property of a message that the service defines, the
// scope sys of the language.
type SystemProperty uint8

// The system properties of [SB-SEM 7.2]. Subject is another name of Label.
const (
	ContentType SystemProperty = iota + 1
	CorrelationID
	DeliveryCount
	EnqueuedTimeUTC
	EnqueuedSequenceNumber
	ExpiresAtUTC
	ForcePersistence
	Label
	LockedUntilUTC
	LockToken
	MessageID
	PartitionKey
	ReplyTo
	ReplyToSessionID
	ScheduledEnqueueTimeUTC
	SequenceNumber
	SessionID
	Size
	State
	TimeToLive
	To
	ViaPartitionKey
)

// kind says what SET may write into a system property.
type kind uint8

const (
	readOnly kind = iota
	textual
	timespan
	datetime
)

var systemProperties = [...]struct {
	name string
	kind kind
}{
	ContentType:             {"ContentType", textual},
	CorrelationID:           {"CorrelationId", textual},
	DeliveryCount:           {"DeliveryCount", readOnly},
	EnqueuedTimeUTC:         {"EnqueuedTimeUtc", readOnly},
	EnqueuedSequenceNumber:  {"EnqueuedSequenceNumber", readOnly},
	ExpiresAtUTC:            {"ExpiresAtUtc", readOnly},
	ForcePersistence:        {"ForcePersistence", readOnly},
	Label:                   {"Label", textual},
	LockedUntilUTC:          {"LockedUntilUtc", readOnly},
	LockToken:               {"LockToken", readOnly},
	MessageID:               {"MessageId", textual},
	PartitionKey:            {"PartitionKey", textual},
	ReplyTo:                 {"ReplyTo", textual},
	ReplyToSessionID:        {"ReplyToSessionId", textual},
	ScheduledEnqueueTimeUTC: {"ScheduledEnqueueTimeUtc", datetime},
	SequenceNumber:          {"SequenceNumber", readOnly},
	SessionID:               {"SessionId", textual},
	Size:                    {"Size", readOnly},
	State:                   {"State", readOnly},
	TimeToLive:              {"TimeToLive", timespan},
	To:                      {"To", textual},
	ViaPartitionKey:         {"ViaPartitionKey", textual},
}

var systemByName = func() map[string]SystemProperty {
	m := map[string]SystemProperty{"subject": Label}
	for p := ContentType; p <= ViaPartitionKey; p++ {
		m[strings.ToLower(p.String())] = p
	}
	return m
}()

// String returns the name of the property.
func (p SystemProperty) String() string {
	if int(p) < len(systemProperties) {
		return systemProperties[p].name
	}
	return ""
}

// Properties are the properties of one message. A dialect reads them from the
// message when they are asked for.
type Properties interface {
	// System returns a system property; ok is false if it has no value.
	System(p SystemProperty) (v Value, ok bool)
	// User returns an application property by its name, ignoring case.
	User(name string) (v Value, ok bool)
}

// ExpiresAt is the system property ExpiresAtUTC, as it follows from the others: of a message
// with a time to live, when that ends.
func ExpiresAt(p Properties) (v Value, ok bool) {
	enqueued, _ := p.System(EnqueuedTimeUTC)
	ttl, _ := p.System(TimeToLive)
	at, known := enqueued.(time.Time)
	d, limited := ttl.(time.Duration)
	if !known || !limited || d <= 0 {
		return nil, false
	}
	return at.Add(d), true
}

// A Context is what an evaluation may know.
type Context struct {
	Properties Properties
	NewID      func() UUID // what newid() returns
}

// A Change is one property that an action changes.
type Change struct {
	// System is the system property; 0: the user property Name, compared ignoring
	// case.
	System SystemProperty
	Name   string
	// Value is the new value. A system property that becomes nil is removed; a
	// user property that becomes nil is there and null.
	Value  Value
	Remove bool // the user property is removed
}
