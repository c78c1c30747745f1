package system

import (
	"context"
	"net"
	"sync"

	"switchyard/amqp/amqpnet"
	"switchyard/listen"
	"switchyard/servicebus"
)

// dialects are the handlers of Service Bus connections, one for each port.
type dialects struct {
	// links ends when no more links are wanted, ctx when the ports close: between
	// the two, activities finish, some with the help of this process's own
	// endpoints.
	links, ctx context.Context
	server     listen.Server
	options    servicebus.Options // of each, but for its Namespace

	mu  sync.Mutex
	all []*servicebus.Handler // guarded by mu
}

// serve is a [ports.ServeFunc]. It serves until the ports close.
func (d *dialects) serve(l net.Listener, namespace func(host string) (string, bool)) {
	o := d.options
	o.Namespace = namespace
	h := servicebus.NewHandler(o)
	d.mu.Lock()
	d.all = append(d.all, h)
	d.mu.Unlock()
	d.server.Serve(d.ctx, l, func(c net.Conn) {
		connection := amqpnet.Options{Clock: o.Clock, Logger: o.Logger, Proven: func() { listen.Proven(c) }}
		if err := h.Serve(d.links, c, connection); err != nil {
			o.Logger.Debug("connection ended", "remote", c.RemoteAddr().String(), "err", err)
		}
	})
}

// entityChanged detaches the links of an entity that was changed or deleted, as
// Azure does [SB-AMQP 3.6].
func (d *dialects) entityChanged(ns, path string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, h := range d.all {
		h.EntityChanged(ns, path)
	}
}
