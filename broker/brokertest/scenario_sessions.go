package brokertest

import (
	"time"

	"switchyard/broker"
)

// session returns what session=ID names, nil if there is no such word.
func (a arguments) session() *string {
	if id, ok := a.options["session"]; ok {
		return &id
	}
	return nil
}

// accept opens a consumer that holds a session, session=ID, or the next.
func (s *scenario) accept(a arguments) error {
	name := a.words[0]
	c, u, err := s.queue(a.words[1]).AcceptSession(broker.SessionOptions{ConsumerOptions: s.consumerOptions(a), ID: a.session(),
		Accepted: func(h broker.Session) { s.event("%s holds session %q until %v", name, h.ID, h.Until.Sub(s.start)) }})
	if err != nil {
		return err
	}
	s.consumers[name] = c
	s.b.Sync(u)
	return nil
}

func (s *scenario) renewSession(a arguments) error {
	until, u, err := s.queue(a.words[0]).RenewSession(*a.session())
	if err == nil {
		s.b.Sync(u)
		s.event("until %v", until.Sub(s.start))
	}
	return err
}

// state shows the state of a session, or sets it: set=TEXT, or clear.
func (s *scenario) state(a arguments) error {
	q, id := s.queue(a.words[0]), *a.session()
	text, set := a.options["set"]
	if !set && !a.flag("clear") {
		state, err := q.SessionState(id)
		if err == nil {
			s.event("state %q, %t", state, state != nil)
		}
		return err
	}
	var state []byte
	if set {
		state = []byte(text)
	}
	u, err := q.SetSessionState(id, state, func() { s.event("set") })
	if err == nil {
		s.b.Sync(u)
	}
	return err
}

func (s *scenario) sessions(a arguments) error {
	var since time.Time
	if _, ok := a.options["since"]; ok {
		since = s.start.Add(a.duration(s, "since"))
	}
	ids, err := s.queue(a.words[0]).Sessions(since, a.int(s, "skip", 0), a.int(s, "top", 100))
	if err == nil {
		s.event("%q", ids)
	}
	return err
}
