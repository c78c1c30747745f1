package trial

import (
	"encoding/base64"
	"errors"
	"time"
	"unicode/utf8"

	"switchyard/bridge"
	"switchyard/broker"
	"switchyard/pipeline"
	"switchyard/pipeline/engine"
	"switchyard/pipeline/run"
	"switchyard/pipeline/trigger"
	"switchyard/value"
)

// An Outcome is what became of a message that was sent in.
type Outcome string

// The outcomes.
const (
	Completed    Outcome = "Complete"
	DeadLettered Outcome = "DeadLetter"
	Deferred     Outcome = "Defer"
	Expired      Outcome = "Expire"
	// Unsettled is the outcome of a message that is still in its queue: the trial was
	// given up.
	Unsettled Outcome = "None"
)

// A sentMessage is a message that was sent in.
type sentMessage struct {
	line    int
	message *broker.Message
}

// A Settlement is what became of one message that was sent in.
type Settlement struct {
	Line           int
	MessageID      string
	SequenceNumber int64
	Outcome        Outcome
	DeliveryCount  int    // of a message that is in a queue
	Reason         string // of DeadLetter
	Description    string // of DeadLetter
}

// An Entity is a queue, subscription or dead-letter queue that holds messages in the end.
type Entity struct {
	Name     string // with the namespace before it if there are several
	Messages []*value.Object
}

// A Run is a pipeline run in the shapes of [ADF-REST 5].
type Run struct {
	Run        *value.Object
	Activities value.Array
	Succeeded  bool
	// id is the run's, failures those of the runs whose failure its activities had for an
	// answer: this run decides what it means.
	id       string
	failures []string
}

// A Result is what a trial has come to.
type Result struct {
	Settlements []Settlement // in the order of the messages
	Entities    []Entity     // that hold messages, in the order of their names; not those sent in
	Runs        []Run        // in the order of their starts
	took        time.Duration
}

// Took is how long the trial took by its clock.
func (r *Result) Took() time.Duration { return r.took }

// Succeeded reports whether every run succeeded, but for those that a run has waited for, and
// every message was settled by one.
func (r *Result) Succeeded() bool {
	for _, s := range r.Settlements {
		if s.Outcome == Unsettled || s.Outcome == Expired || s.Reason == trigger.ReasonParameterError {
			return false
		}
	}
	handled := map[string]bool{}
	for _, x := range r.Runs {
		for _, id := range x.failures {
			handled[id] = true
		}
	}
	for _, x := range r.Runs {
		if !x.Succeeded && !handled[x.id] {
			return false
		}
	}
	return true
}

func (t *Trial) result(sent []*sentMessage) (*Result, error) {
	r := &Result{}
	var err error
	if r.Settlements, err = t.settlements(sent); err != nil {
		return nil, err
	}
	if r.Entities, err = t.entities(sent); err != nil {
		return nil, err
	}
	r.Runs, err = t.runs()
	return r, err
}

func (t *Trial) settlements(sent []*sentMessage) ([]Settlement, error) {
	main, dead := map[int64]*broker.Message{}, map[int64]*broker.Message{}
	if err := each(t.Queue, func(m *broker.Message) { main[m.SequenceNumber] = m }); err != nil {
		return nil, err
	}
	dlq, err := t.deadLetters()
	if err != nil {
		return nil, err
	}
	if err := each(dlq, func(m *broker.Message) { dead[m.SequenceNumber] = m }); err != nil {
		return nil, err
	}
	all := make([]Settlement, len(sent))
	for i, m := range sent {
		s := Settlement{Line: m.line, MessageID: m.message.MessageID, SequenceNumber: m.message.SequenceNumber}
		switch in, out := main[m.message.SequenceNumber], dead[m.message.SequenceNumber]; {
		case out != nil:
			s.Outcome, s.DeliveryCount = DeadLettered, int(out.DeliveryCount)
			s.Reason = property(out, "DeadLetterReason")
			s.Description = property(out, "DeadLetterErrorDescription")
		case in != nil && in.State == broker.Deferred:
			s.Outcome, s.DeliveryCount = Deferred, int(in.DeliveryCount)
		case in != nil:
			s.Outcome, s.DeliveryCount = Unsettled, int(in.DeliveryCount)
		case t.hasExpired(m.message.SequenceNumber):
			s.Outcome = Expired
		default:
			s.Outcome = Completed
		}
		all[i] = s
	}
	return all, nil
}

func (t *Trial) deadLetters() (*broker.Queue, error) {
	return t.Broker.Queue(t.Queue.Namespace(), t.Queue.Path()+broker.DeadLetterQueue.Suffix())
}

func property(m *broker.Message, name string) string {
	for _, p := range m.Properties {
		if text, ok := p.Value.(string); ok && p.Name == name {
			return text
		}
	}
	return ""
}

// entities returns what holds messages that were not sent in.
func (t *Trial) entities(sent []*sentMessage) ([]Entity, error) {
	own := map[int64]bool{}
	for _, m := range sent {
		own[m.message.SequenceNumber] = true
	}
	namespaces := t.Broker.Namespaces()
	var all []Entity
	for _, ns := range namespaces {
		paths, err := t.paths(ns)
		if err != nil {
			return nil, err
		}
		for _, path := range paths {
			for _, suffix := range []string{"", broker.DeadLetterQueue.Suffix()} {
				e := Entity{Name: path + suffix}
				if len(namespaces) > 1 {
					e.Name = ns + "/" + e.Name
				}
				q, err := t.Broker.Queue(ns, path+suffix)
				if err != nil {
					return nil, err
				}
				mine := q.ID().Entity == t.Queue.ID().Entity
				err = each(q, func(m *broker.Message) {
					if !mine || !own[m.SequenceNumber] {
						e.Messages = append(e.Messages, object(m))
					}
				})
				if err != nil {
					return nil, err
				}
				if e.Messages != nil {
					all = append(all, e)
				}
			}
		}
	}
	return all, nil
}

// paths returns the addresses of a namespace that hold messages.
func (t *Trial) paths(ns string) (paths []string, err error) {
	queues, err := t.Broker.Queues(ns)
	if err != nil {
		return nil, err
	}
	for _, q := range queues {
		paths = append(paths, q.Path)
	}
	topics, err := t.Broker.Topics(ns)
	if err != nil {
		return nil, err
	}
	for _, topic := range topics {
		subs, err := t.Broker.Subscriptions(ns, topic.Path)
		if err != nil {
			return nil, err
		}
		for _, s := range subs {
			paths = append(paths, s.Path)
		}
	}
	return paths, nil
}

// object is a message as results show it: what is empty is not there.
func object(m *broker.Message) *value.Object {
	o := &value.Object{}
	x, err := bridge.Message(m)
	if err != nil {
		o.Set("unreadable", err.Error())
		return o
	}
	for _, p := range []struct{ name, text string }{
		{"messageId", x.MessageID}, {"correlationId", x.CorrelationID}, {"sessionId", x.SessionID},
		{"subject", x.Subject}, {"to", x.To}, {"replyTo", x.ReplyTo}, {"contentType", x.ContentType},
	} {
		if p.text != "" {
			o.Set(p.name, p.text)
		}
	}
	if m.TimeToLive != 0 {
		o.Set("timeToLive", pipeline.FormatTimespan(m.TimeToLive))
	}
	if x.ApplicationProperties.Len() > 0 {
		o.Set("applicationProperties", x.ApplicationProperties)
	}
	body, whole := ShownBody(x.Body)
	if utf8.Valid(x.Body) {
		o.Set("body", body)
	}
	if !whole {
		o.Set("bodyBase64", base64.StdEncoding.EncodeToString(x.Body))
	}
	return o
}

func (t *Trial) runs() ([]Run, error) {
	list, _, err := t.Engine.Query(engine.Query{Factory: t.Factory})
	if err != nil {
		return nil, err
	}
	all := make([]Run, len(list))
	for i, p := range list {
		if all[i], err = RunOf(t.Engine, p); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// RunOf reads a run with its activities. Those of one that was dropped for a later
// attempt are not there any more.
func RunOf(e *engine.Engine, p *engine.PipelineRun) (Run, error) {
	r := Run{Run: p.JSON(), Activities: value.Array{}, Succeeded: p.Status == run.Succeeded, id: p.RunID}
	list, err := e.ActivityRuns(p.RunID)
	if err != nil && !errors.Is(err, engine.ErrRunDropped) {
		return r, err
	}
	for _, a := range list {
		if a, err = a.Whole(); err != nil {
			return r, err
		}
		r.Activities = append(r.Activities, a.JSON())
		if a.ChildRunID != "" && a.Status == run.Failed {
			r.failures = append(r.failures, a.ChildRunID)
		}
	}
	return r, nil
}

// JSON is the result as it is printed and compared with expectations.
func (r *Result) JSON() *value.Object {
	settlements, runs := value.Array{}, value.Array{}
	messages := &value.Object{}
	for _, s := range r.Settlements {
		settlements = append(settlements, s.JSON())
	}
	for _, e := range r.Entities {
		list := value.Array{}
		for _, m := range e.Messages {
			list = append(list, m)
		}
		messages.Set(e.Name, list)
	}
	for _, x := range r.Runs {
		runs = append(runs, value.NewObject(value.Member{Name: "run", Value: x.Run},
			value.Member{Name: "activities", Value: x.Activities}))
	}
	return value.NewObject(
		value.Member{Name: "settlements", Value: settlements},
		value.Member{Name: "messages", Value: messages},
		value.Member{Name: "runs", Value: runs},
		value.Member{Name: "durationInMs", Value: r.took.Milliseconds()})
}

// JSON is the settlement as it is printed and compared with expectations.
func (s *Settlement) JSON() *value.Object {
	o := value.NewObject(
		value.Member{Name: "line", Value: int64(s.Line)},
		value.Member{Name: "messageId", Value: s.MessageID},
		value.Member{Name: "sequenceNumber", Value: s.SequenceNumber},
		value.Member{Name: "outcome", Value: string(s.Outcome)})
	switch s.Outcome {
	case DeadLettered:
		o.Set("deliveryCount", int64(s.DeliveryCount))
		o.Set("reason", s.Reason)
		o.Set("description", s.Description)
	case Deferred, Unsettled:
		o.Set("deliveryCount", int64(s.DeliveryCount))
	}
	return o
}
