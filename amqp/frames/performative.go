package frames

import "switchyard/amqp/encoding"

// Role says which end of a link speaks: the field of attach and disposition.
type Role bool

// The roles. The zero value is the sender.
const (
	RoleSender   Role = false
	RoleReceiver Role = true
)

// String returns "sender" or "receiver".
func (r Role) String() string {
	if r == RoleReceiver {
		return "receiver"
	}
	return "sender"
}

// SenderSettleMode is the snd-settle-mode of an attach (2.8.2).
type SenderSettleMode uint8

// The sender settle modes. Mixed is the default of the wire.
const (
	SenderUnsettled SenderSettleMode = 0
	SenderSettled   SenderSettleMode = 1
	SenderMixed     SenderSettleMode = 2
)

// ReceiverSettleMode is the rcv-settle-mode of an attach (2.8.3).
type ReceiverSettleMode uint8

// The receiver settle modes. First is the default of the wire.
const (
	ReceiverFirst  ReceiverSettleMode = 0
	ReceiverSecond ReceiverSettleMode = 1
)

// Open negotiates the connection (2.7.1).
type Open struct {
	ContainerID         string // mandatory
	Hostname            Opt[string]
	MaxFrameSize        uint32 // default 4294967295; at least 512
	ChannelMax          uint16 // default 65535
	IdleTimeout         uint32 // milliseconds; 0: none
	OutgoingLocales     []encoding.Symbol
	IncomingLocales     []encoding.Symbol
	OfferedCapabilities []encoding.Symbol
	DesiredCapabilities []encoding.Symbol
	Properties          *encoding.Map
}

// Begin starts a session (2.7.2).
type Begin struct {
	RemoteChannel       Opt[uint16] // set in the answer only
	NextOutgoingID      uint32
	IncomingWindow      uint32
	OutgoingWindow      uint32
	HandleMax           uint32 // default 4294967295
	OfferedCapabilities []encoding.Symbol
	DesiredCapabilities []encoding.Symbol
	Properties          *encoding.Map
}

// Attach attaches a link (2.7.3).
type Attach struct {
	Name                 string
	Handle               uint32
	Role                 Role
	SndSettleMode        SenderSettleMode   // default mixed
	RcvSettleMode        ReceiverSettleMode // default first
	Source               *Source            // nil: null
	Target               TargetLike         // nil: null
	Unsettled            *encoding.Map
	IncompleteUnsettled  bool
	InitialDeliveryCount Opt[uint32] // mandatory if Role is sender
	MaxMessageSize       uint64      // 0: absent, no limit
	OfferedCapabilities  []encoding.Symbol
	DesiredCapabilities  []encoding.Symbol
	Properties           *encoding.Map
}

// Flow updates the state of a session and, if Handle is set, of a link (2.7.4).
type Flow struct {
	NextIncomingID Opt[uint32]
	IncomingWindow uint32
	NextOutgoingID uint32
	OutgoingWindow uint32
	Handle         Opt[uint32]
	DeliveryCount  Opt[uint32]
	LinkCredit     Opt[uint32]
	Available      Opt[uint32]
	Drain          bool
	Echo           bool
	Properties     *encoding.Map
}

// Transfer carries a message, or a part of one (2.7.5). The payload follows the
// performative in the frame.
type Transfer struct {
	Handle        uint32
	DeliveryID    Opt[uint32]
	DeliveryTag   []byte // at most 32 bytes; nil: absent; when read, part of the input
	MessageFormat Opt[uint32]
	Settled       bool
	More          bool
	RcvSettleMode Opt[ReceiverSettleMode]
	State         State // nil: absent
	Resume        bool
	Aborted       bool
	Batchable     bool
}

// Disposition tells the peer of a change in the state of deliveries (2.7.6).
type Disposition struct {
	Role      Role // the role of the end that sends this
	First     uint32
	Last      uint32 // same as First if absent on the wire
	Settled   bool
	State     State // nil: absent
	Batchable bool
}

// Detach detaches a link (2.7.7).
type Detach struct {
	Handle uint32
	Closed bool
	Error  *Error
}

// End ends a session (2.7.8).
type End struct {
	Error *Error
}

// Close closes the connection (2.7.9).
type Close struct {
	Error *Error
}
