package amqp

import "time"

// Options configure a [Conn]. Zero values mean the defaults.
type Options struct {
	// ContainerID is the container-id of our open: any name, unique to the
	// server. Default "switchyard".
	ContainerID string
	// MaxFrameSize is the largest frame that is taken, in bytes. Default 65536.
	MaxFrameSize uint32
	// ChannelMax is the highest channel that is taken. Default 4999.
	ChannelMax uint16
	// HandleMax is the highest link handle that is taken, per session. Default 4999:
	// generic clients have all links of a connection in one session.
	HandleMax uint32
	// MaxLinks bounds the links of the whole connection; further attaches are
	// refused with amqp:resource-limit-exceeded. Default 5000.
	MaxLinks int
	// MaxUnsettled bounds the deliveries that were sent on all links of the connection and
	// are not settled; beyond it [Link.Send] fails. Default 100,000.
	MaxUnsettled int
	// IdleTimeout is what our open announces; the connection is closed after twice
	// that time without a byte. Default 240 s.
	IdleTimeout time.Duration
	// OpenTimeout bounds the time from the start to the client's open. Default
	// 60 s.
	OpenTimeout time.Duration
	// Window is the incoming window of every session, in transfer frames. Default
	// 5000.
	Window uint32
	// MaxMessageSize bounds the deliveries of links whose owner names no bound, in
	// bytes. Default 1 MiB + 64 KiB.
	MaxMessageSize uint64
	// MaxBuffered bounds the bytes that the peer can make the connection keep:
	// unfinished deliveries and attaches. The connection is closed beyond it.
	// Default 64 MiB; more where a link takes a message of that size.
	MaxBuffered uint64
	// Unproven bounds a connection until [Conn.Proven]. Zero values: the bounds above.
	Unproven Unproven
	// Authenticate checks the credentials of SASL PLAIN. Nil refuses them all.
	Authenticate func(mechanism, authzid, user, password string) error
}

// Unproven are the bounds of a client that has not proved who it is. It needs little:
// a session or two and the links on which it shows its token.
type Unproven struct {
	MaxSessions int
	MaxLinks    int
	MaxBuffered uint64
}

func (o Options) withDefaults() Options {
	if o.ContainerID == "" {
		o.ContainerID = "switchyard"
	}
	setDefault(&o.MaxFrameSize, 65536)
	setDefault(&o.ChannelMax, 4999)
	setDefault(&o.HandleMax, 4999)
	setDefault(&o.MaxLinks, 5000)
	setDefault(&o.MaxUnsettled, 100_000)
	setDefault(&o.IdleTimeout, 240*time.Second)
	setDefault(&o.OpenTimeout, 60*time.Second)
	setDefault(&o.Window, 5000)
	setDefault(&o.MaxMessageSize, 1<<20+64<<10)
	setDefault(&o.MaxBuffered, 64<<20)
	setDefault(&o.Unproven.MaxSessions, int(o.ChannelMax)+1)
	setDefault(&o.Unproven.MaxLinks, o.MaxLinks)
	setDefault(&o.Unproven.MaxBuffered, o.MaxBuffered)
	return o
}

func setDefault[T comparable](v *T, def T) {
	var zero T
	if *v == zero {
		*v = def
	}
}
