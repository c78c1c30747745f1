package entity

// EntityStatus is what may be done with an entity [SB-SEM 6]. The zero value is
// Active.
type EntityStatus string

// The statuses of an entity.
const (
	StatusActive          EntityStatus = "Active"
	StatusDisabled        EntityStatus = "Disabled"
	StatusSendDisabled    EntityStatus = "SendDisabled"
	StatusReceiveDisabled EntityStatus = "ReceiveDisabled"
)

// CanSend reports whether messages are accepted.
func (s EntityStatus) CanSend() bool { return s != StatusDisabled && s != StatusSendDisabled }

// CanReceive reports whether messages are handed out.
func (s EntityStatus) CanReceive() bool { return s != StatusDisabled && s != StatusReceiveDisabled }
