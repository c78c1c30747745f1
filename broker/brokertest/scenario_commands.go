package brokertest

import (
	"context"
	"fmt"
	"strings"
	"time"

	"switchyard/broker"
	"switchyard/broker/description"
	"switchyard/commit"
)

// commands by name. Words are the arguments without "=".
var commands = map[string]func(*scenario, arguments) error{
	"queue": (*scenario).putQueue, "send": (*scenario).send, "schedule": (*scenario).schedule,
	"cancel": (*scenario).cancel, "peek-topic": (*scenario).peekTopic, "accept": (*scenario).accept,
	"renew-session": (*scenario).renewSession, "state": (*scenario).state, "sessions": (*scenario).sessions,
	"consumer": (*scenario).consumer, "credit": (*scenario).credit, "drain": (*scenario).drain,
	"close": (*scenario).close, "complete": settleWith("complete"), "abandon": settleWith("abandon"),
	"release": settleWith("release"), "defer": settleWith("defer"), "dead-letter": settleWith("dead-letter"),
	"begin": (*scenario).begin, "commit": (*scenario).commit, "rollback": (*scenario).rollback,
	"renew": (*scenario).renew, "receive-deferred": (*scenario).receiveDeferred, "peek": (*scenario).peek,
	"counts": (*scenario).counts, "advance": (*scenario).advance, "restart": (*scenario).restart,
	"reserve": (*scenario).reserve, "free": (*scenario).free, "lock": (*scenario).lock,
	"settle-reserved": (*scenario).settleReserved, "run": (*scenario).run, "release-run": (*scenario).releaseRun,
	"take": (*scenario).take, "runs": (*scenario).runs, "delete": (*scenario).delete, "topic": (*scenario).putTopic,
	"topic-info": (*scenario).topicInfo, "delete-topic": (*scenario).deleteTopic, "receive": (*scenario).receive,
	"subscription": (*scenario).putSubscription, "delete-subscription": (*scenario).deleteSubscription,
	"rule": (*scenario).putRule, "rules": (*scenario).rules, "delete-rule": (*scenario).deleteRule,
}

func (s *scenario) putQueue(a arguments) error {
	o := s.entityOptions(description.Queue, a)
	return s.put(s.b.PutQueue(context.Background(), "ns", a.words[0], o))
}

// messages reads what send and schedule send.
func (s *scenario) messages(a arguments) (msgs []*broker.Message) {
	for _, id := range a.words[1:] {
		m := &broker.Message{}
		m.MessageID = id
		m.Sections = []byte(strings.Repeat("x", a.int(s, "size", 10)))
		if with := a.options["with"]; with != "" {
			m = Compose(id, strings.Split(with, ","), "x")
		}
		m.TimeToLive = a.duration(s, "ttl")
		m.SessionID, m.PartitionKey = a.options["session"], a.options["partition"]
		m.HasSession = a.session() != nil
		if d := a.duration(s, "scheduled"); d != 0 {
			m.ScheduledFor = time.Now().Add(d)
		}
		msgs = append(msgs, m)
	}
	return msgs
}

func (s *scenario) send(a arguments) error {
	msgs := s.messages(a)
	var sender broker.Sender
	sender, err := s.b.Sender("ns", a.words[0])
	if by, ok := a.options["via"]; ok {
		sender, err = s.b.Via("ns", by, a.words[0])
	}
	if err != nil {
		return err
	}
	if tx := s.transactions[a.options["in"]]; tx != nil {
		return tx.Send(sender, msgs)
	}
	u, err := sender.Send(msgs, func(err error) {
		for _, m := range msgs {
			if m.SequenceNumber == 0 { // a topic's
				s.event("sent %s", m.MessageID)
				continue
			}
			s.event("sent %d %s", m.SequenceNumber, m.MessageID)
		}
	})
	if err != nil {
		return err
	}
	s.b.Sync(u)
	return nil
}

func (s *scenario) schedule(a arguments) error {
	sender, err := s.b.Sender("ns", a.words[0])
	if err != nil {
		return err
	}
	if tx := s.transactions[a.options["in"]]; tx != nil {
		numbers, u, err := tx.Schedule(sender, s.messages(a))
		s.b.Sync(u)
		s.event("numbers %v", numbers)
		return err
	}
	u, err := sender.Schedule(s.messages(a), func(numbers []int64) { s.event("scheduled %v", numbers) })
	if err == nil {
		s.b.Sync(u)
	}
	return err
}

func (s *scenario) cancel(a arguments) error {
	sender, err := s.b.Sender("ns", a.words[0])
	if err != nil {
		return err
	}
	var numbers []int64
	for _, w := range a.words[1:] {
		numbers = append(numbers, int64(s.number(w)))
	}
	if tx := s.transactions[a.options["in"]]; tx != nil {
		return tx.CancelScheduled(sender, numbers)
	}
	u, err := sender.CancelScheduled(numbers, func() { s.event("cancelled") })
	if err == nil {
		s.b.Sync(u)
	}
	return err
}

func (s *scenario) peekTopic(a arguments) error {
	t, err := s.b.Topic("ns", a.words[0])
	if err != nil {
		return err
	}
	msgs, err := t.PeekScheduled(1, 10)
	for _, m := range msgs {
		s.event("%s", s.describe(m))
	}
	return err
}

func (s *scenario) consumer(a arguments) error {
	c, err := s.queue(a.words[1]).NewConsumer(s.consumerOptions(a))
	s.consumers[a.words[0]] = c
	return err
}

func (s *scenario) consumerOptions(a arguments) broker.ConsumerOptions {
	name, path := a.words[0], a.words[1]
	mode := broker.PeekLock
	if a.flag("receive-and-delete") {
		mode = broker.ReceiveAndDelete
	}
	return broker.ConsumerOptions{
		Mode: mode,
		Deliver: func(batch []broker.Delivery) {
			for _, d := range batch {
				s.event("%s got %s", name, s.describe(d.Message))
				s.mu.Lock()
				s.tokens[strings.ToLower(path)+" "+d.MessageID] = d.LockToken
				s.mu.Unlock()
			}
		},
		Closed: func(err error) { s.event("%s closed: %v", name, err) },
	}
}

func (s *scenario) credit(a arguments) error {
	s.b.Sync(s.consumers[a.words[0]].AddCredit(s.number(a.words[1])))
	return nil
}

func (s *scenario) drain(a arguments) error {
	s.b.Sync(s.consumers[a.words[0]].Drain(func() { s.event("%s drained", a.words[0]) }))
	return nil
}

func (s *scenario) close(a arguments) error {
	s.b.Sync(s.consumers[a.words[0]].Close())
	return nil
}

func (s *scenario) outcome(kind string, a arguments) broker.Outcome {
	o := broker.Outcome{Reason: a.options["reason"], Description: a.options["description"]}
	kinds := map[string]broker.OutcomeKind{"complete": broker.Complete,
		"abandon": broker.Abandon, "release": broker.Release,
		"defer": broker.Defer, "dead-letter": broker.DeadLetter}
	var ok bool
	if o.Kind, ok = kinds[kind]; !ok {
		s.t.Fatalf("outcome %q", kind)
	}
	if name, value, ok := strings.Cut(a.options["prop"], ":"); ok {
		o.Properties = []broker.Property{{Name: name, Value: value}}
	}
	if b, ok := a.options["backoff"]; ok {
		first, max, _ := strings.Cut(b, "/")
		o.Backoff.First, _ = time.ParseDuration(first)
		o.Backoff.Max, _ = time.ParseDuration(max)
	}
	if r, ok := a.options["exhausted"]; ok {
		o.Exhausted = &broker.DeadLetterInfo{Reason: r}
	}
	return o
}

func (s *scenario) locks(path string, ids []string) []broker.LockToken {
	s.mu.Lock()
	defer s.mu.Unlock()
	var tokens []broker.LockToken
	for _, id := range ids {
		tokens = append(tokens, s.tokens[strings.ToLower(path)+" "+id])
	}
	return tokens
}

func settleWith(kind string) func(*scenario, arguments) error {
	return func(s *scenario, a arguments) error {
		q, ids := s.queue(a.words[0]), a.words[1:]
		done := func(errs []error) {
			for i, err := range errs {
				if err != nil {
					s.event("%s: %v", ids[i], err)
				} else {
					s.event("%s: ok", ids[i])
				}
			}
		}
		if tx := s.transactions[a.options["in"]]; tx != nil {
			done(tx.Settle(q, s.locks(a.words[0], ids), s.outcome(kind, a)))
			return nil
		}
		s.b.Sync(q.Settle(s.locks(a.words[0], ids), s.outcome(kind, a), done))
		return nil
	}
}

func (s *scenario) begin(a arguments) error {
	s.transactions[a.words[0]] = s.b.NewTransaction()
	return nil
}

func (s *scenario) commit(a arguments) error {
	u, err := s.transactions[a.words[0]].Commit(func() { s.event("committed") })
	if err != nil {
		return err
	}
	s.b.Sync(u)
	return nil
}

func (s *scenario) rollback(a arguments) error {
	s.transactions[a.words[0]].Rollback()
	return nil
}

func (s *scenario) renew(a arguments) error {
	until, u, err := s.queue(a.words[0]).Renew(s.locks(a.words[0], a.words[1:]))
	if err != nil {
		return err
	}
	s.b.Sync(u)
	for i, t := range until {
		s.event("%s locked-until=%v", a.words[1+i], t.Sub(s.start))
	}
	return nil
}

func (s *scenario) receiveDeferred(a arguments) error {
	mode := broker.PeekLock
	var seqs []int64
	for _, w := range a.words[1:] {
		if w == "receive-and-delete" {
			mode = broker.ReceiveAndDelete
		} else {
			seqs = append(seqs, int64(s.number(w)))
		}
	}
	u, err := s.queue(a.words[0]).ReceiveDeferred(a.session(), seqs, mode, func(msgs []*broker.Message, err error) {
		if err != nil {
			s.event("error: %v", err)
		}
		for _, m := range msgs {
			s.event("got %s", s.describe(m))
			s.mu.Lock()
			s.tokens[strings.ToLower(a.words[0])+" "+m.MessageID] = m.LockToken
			s.mu.Unlock()
		}
	})
	if err != nil {
		return err
	}
	s.b.Sync(u)
	return nil
}

func (s *scenario) peek(a arguments) error {
	q, from, max := s.queue(a.words[0]), int64(a.int(s, "from", 1)), a.int(s, "max", 10)
	msgs, err := q.Peek(from, max)
	if id := a.session(); id != nil {
		msgs, err = q.PeekSession(*id, from, max)
	}
	for _, m := range msgs {
		s.event("%s", s.describe(m))
	}
	return err
}

func (s *scenario) counts(a arguments) error {
	info, err := s.queue(a.words[0]).Info()
	c := info.Counts
	s.event("active=%d dead-letter=%d total=%d size=%d locked=%d%s%s",
		c.Active, c.DeadLetter, c.Total, c.SizeInBytes, c.Locked, some("scheduled", c.Scheduled), transfers(c.Transfer, c.TransferDeadLetter))
	return err
}

// some is a count that is told if it is not 0.
func some(name string, n int64) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(" %s=%d", name, n)
}

func transfers(waiting, dead int64) string {
	return some("transfer", waiting) + some("transfer-dead-letter", dead)
}

func (s *scenario) advance(a arguments) error {
	d, err := time.ParseDuration(a.words[0])
	if err == nil {
		time.Sleep(d)
	}
	return err
}

func (s *scenario) restart(a arguments) error {
	s.b.Close()
	s.store.Flush()
	clear(s.consumers)
	clear(s.reservations)
	clear(s.transactions)
	s.open()
	return nil
}

func (s *scenario) reserve(a arguments) error {
	r, err := s.queue(a.words[1]).Reserve(broker.ReserveLimit{Messages: s.number(a.words[2])})
	if err != nil {
		return err
	}
	if r == nil {
		s.event("nothing")
		return nil
	}
	s.reservations[a.words[0]] = r
	for _, m := range r.Messages() {
		s.event("%s holds %s size=%d", a.words[0], s.describe(m), len(m.Sections))
	}
	return nil
}

func (s *scenario) free(a arguments) error {
	s.reservations[a.words[0]].Release()
	return nil
}

func (s *scenario) lock(a arguments) error {
	return s.stage(s.reservations[a.words[0]].LockFor(broker.RunID(a.words[1])))
}

func (s *scenario) settleReserved(a arguments) error {
	return s.stage(s.reservations[a.words[0]].Settle(s.outcome(a.words[1], a)))
}

// run settles what a run holds; with "send=PATH:ID" it sends in the same unit.
func (s *scenario) run(a arguments) error {
	op := broker.RunSettleOp{Queue: s.queue(a.words[1]), Run: broker.RunID(a.words[2]),
		Outcome: s.outcome(a.words[0], a)}
	for _, w := range a.words[3:] {
		op.SequenceNumbers = append(op.SequenceNumbers, int64(s.number(w)))
	}
	ops := []broker.Op{op}
	if path, id, ok := strings.Cut(a.options["send"], ":"); ok {
		m := &broker.Message{}
		m.MessageID = id
		m.Sections = []byte("from a run")
		ops = append(ops, broker.SendOp{Queue: s.sender(path), Messages: []*broker.Message{m}})
	}
	return s.stage(s.b.Effect(ops...))
}

func (s *scenario) releaseRun(a arguments) error {
	return s.stage(s.b.ReleaseRun(broker.RunID(a.words[0])))
}

// take takes messages out of a sub-queue, or moves them "back" to the main queue: those
// that are named by number, or the oldest.
func (s *scenario) take(a arguments) error {
	o := broker.TakeOptions{Back: a.flag("back"), Max: a.int(s, "max", 10)}
	if before := a.duration(s, "before"); before != 0 {
		o.Before = s.start.Add(before)
	}
	for _, w := range a.words[1:] {
		if w != "back" {
			o.Numbers = append(o.Numbers, int64(s.number(w)))
		}
	}
	n, u, err := s.queue(a.words[0]).Take(o)
	if err != nil {
		return err
	}
	s.b.Sync(u)
	s.event("took %d", n)
	return nil
}

func (s *scenario) runs(a arguments) error {
	for run, locks := range s.b.RunLocks() {
		for _, l := range locks {
			s.event("%s holds %d", run, l.SequenceNumber)
		}
	}
	return nil
}

func (s *scenario) delete(a arguments) error {
	err := commit.Do(context.Background(), s.store, 0, s.b.DeleteQueueEffect("ns", a.words[0], a.flag("force")))
	if err != nil {
		return fmt.Errorf("%w", err)
	}
	return nil
}
