package description

// Status is what may be done with an entity [SB-SEM 6]. The zero value is Active.
type Status string

// The statuses of an entity. Azure has more, which nobody can set.
const (
	Active          Status = "Active"
	Disabled        Status = "Disabled"
	SendDisabled    Status = "SendDisabled"
	ReceiveDisabled Status = "ReceiveDisabled"
)

// CanSend reports whether messages are accepted.
func (s Status) CanSend() bool { return s != Disabled && s != SendDisabled }

// CanReceive reports whether messages are handed out.
func (s Status) CanReceive() bool { return s != Disabled && s != ReceiveDisabled }
