package servicebus

import (
	"fmt"
	"time"

	"switchyard/amqp/frames"
	"switchyard/auth"
	"switchyard/clock"
)

// An alarm posts a call to a connection's loop at a time. Its fields are owned
// by the loop; its goroutine starts with the first deadline and ends with stop.
type alarm struct {
	at    time.Time
	timer clock.Timer
	quit  chan struct{}
}

// set moves the alarm. Zero turns it off.
func (a *alarm) set(at time.Time, c clock.Clock, ring func()) {
	if at.Equal(a.at) {
		return
	}
	a.at = at
	switch {
	case at.IsZero():
		a.timer.Stop()
	case a.timer == nil:
		a.timer, a.quit = c.NewTimer(at.Sub(c.Now())), make(chan struct{})
		go func(timer clock.Timer, quit chan struct{}) {
			for {
				select {
				case <-timer.C():
					ring()
				case <-quit:
					return
				}
			}
		}(a.timer, a.quit)
	default:
		a.timer.Reset(at.Sub(c.Now()))
	}
}

func (a *alarm) stop() {
	if a.timer != nil {
		a.timer.Stop()
		close(a.quit)
		a.timer = nil
	}
}

// schedule sets the alarm to the next time at which something on the connection
// ends by itself.
func (c *conn) schedule() {
	next := c.grants.Next()
	sooner := func(t time.Time) {
		if next.IsZero() || t.Before(next) {
			next = t
		}
	}
	if d := c.emptyLimit(); d > 0 && len(c.links) == 0 {
		sooner(c.empty.Add(d))
	}
	if d := c.h.idle.Token; d > 0 && !c.shown {
		sooner(c.began.Add(d))
	}
	if d := c.h.idle.Link; d > 0 {
		for _, p := range c.links {
			sooner(p.base().active.Add(d))
		}
	}
	if at := c.transactions.deadline(); !at.IsZero() {
		sooner(at)
	}
	c.alarm.set(next, c.h.clock, func() { c.post(c.ring) })
}

func (c *conn) emptyLimit() time.Duration {
	if c.had {
		return c.h.idle.LastLink
	}
	return c.h.idle.Connection
}

// ring ends what is over: links whose token has expired [SB-AMQP 4.3], idle
// links and idle connections [SB-AMQP 3.6], transactions [SB-AMQP 11].
func (c *conn) ring() {
	c.alarm.at = time.Time{} // it has fired: the same time must be set again
	now := c.h.clock.Now()
	c.endOverdue(now)
	if over := c.grants.Expire(now); len(over) > 0 {
		for _, p := range c.links {
			p.base().expire(over)
		}
	}
	if d := c.h.idle.Link; d > 0 {
		for _, p := range c.links {
			if k := p.base(); now.Sub(k.active) >= d {
				k.active = now
				k.fail(&fault{frames.ErrDetachForced, 400, idleText(k.l.Role(), k.l.Name(), d)})
			}
		}
	}
	if d := c.h.idle.Token; d > 0 && !c.shown && now.Sub(c.began) >= d {
		c.shown = true // it is said once
		c.nc.AMQP().Close(&frames.Error{Condition: frames.ErrConnectionForced, Description: fmt.Sprintf(
			"The connection has shown no valid token within %d milliseconds.", d.Milliseconds())})
	}
	if d := c.emptyLimit(); d > 0 && len(c.links) == 0 && now.Sub(c.empty) >= d {
		c.empty = now
		c.nc.AMQP().Close(&frames.Error{Condition: frames.ErrConnectionForced, Description: fmt.Sprintf(
			"The connection was inactive for more than the allowed %d milliseconds and is closed by container 'LinkTracker'.",
			d.Milliseconds())})
	}
	c.schedule()
}

// expire detaches the link if what was granted on its entities is over.
func (k *link) expire(over []auth.Grant) {
	for _, a := range [...]address{k.addr, k.beside} {
		if k.rights != 0 && a != (address{}) && !k.c.allowed(a, k.rights) {
			k.fail(expiredToken(expiryOf(over, a.path())))
			return
		}
	}
}

// expiryOf returns when the last of the grants that covered path ended.
func expiryOf(over []auth.Grant, path string) (at time.Time) {
	for _, g := range over {
		if g.Covers(path) && g.Expires.After(at) {
			at = g.Expires
		}
	}
	return at
}

// expiredToken has the text by which clients recognise that a token is too old
// [SB-AMQP 4.3].
func expiredToken(at time.Time) *fault {
	return &fault{frames.ErrUnauthorizedAccess, 401,
		"ExpiredToken: The token is expired. Expiration time: '" + at.UTC().Format(time.RFC1123) + "'."}
}

func idleText(role frames.Role, name string, d time.Duration) string {
	code, class := "publisher", "AmqpMessagePublisher"
	if role == frames.RoleSender {
		code, class = "consumer", "AmqpMessageConsumer"
	}
	return fmt.Sprintf(
		"The link '%s' is force detached. Code: %s(link1). Details: %s.IdleTimerExpired: Idle timeout: %02d:%02d:%02d.",
		name, code, class, int(d.Hours()), int(d.Minutes())%60, int(d.Seconds())%60)
}
