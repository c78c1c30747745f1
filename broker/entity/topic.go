package entity

// A Topic is one top-level entity that holds no messages itself: what is sent to
// it is given to its subscriptions, each of them a [Queue]. It decides what is
// accepted, for all its subscriptions together, and who gets it. It is not safe
// for concurrent use: the shell's lock guards it with all its subscriptions.
type Topic struct {
	config   Config
	rules    *RuleSet
	schedule *Queue
	checker  checker
}

// A Subscription is what a topic needs to know of one of its subscriptions.
type Subscription struct {
	ID    EntityID
	Queue *Queue
	// DeadLetterFilterErrors says that a message for which a rule can't be
	// evaluated is dead-lettered; otherwise the subscription does not get it.
	DeadLetterFilterErrors bool
	// Rules are in the order of their creation.
	Rules []*Rule
}

// NewTopic returns a topic without subscriptions. Of the configuration it needs
// the status, the limits of size and the window of its history; the state is that of its
// schedule, which has the history too.
func NewTopic(c Config, s State) *Topic {
	t := &Topic{config: c, rules: &RuleSet{}, schedule: New(c, s)}
	t.schedule.topic = t
	return t
}

// Schedule returns the queue in which messages wait at the topic until they are due
// [SB-SEM 2.6]. Nothing can be received from it: a [Sweep] of it takes out what its
// Publish then gives to the subscriptions.
func (t *Topic) Schedule() *Queue { return t.schedule }

// SetConfig changes the configuration: it holds for what happens from now on.
func (t *Topic) SetConfig(c Config) {
	t.config = c
	t.schedule.SetConfig(c)
}

// SetSubscriptions changes what the topic's messages go by from now on, and
// returns it. The subscriptions are in the order of their numbers; the topic
// keeps the slice.
func (t *Topic) SetSubscriptions(all []Subscription) *RuleSet {
	for i := range all {
		all[i].Queue.parent = t
	}
	t.rules = &RuleSet{all}
	return t.rules
}

// Bytes returns the size of all copies and states of sessions in all subscriptions and of
// what is scheduled.
func (t *Topic) Bytes() (n int64) {
	n = t.schedule.Bytes()
	for i := range t.rules.subscriptions {
		n += t.rules.subscriptions[i].Queue.Bytes()
	}
	return n
}

// A TopicOp changes a topic. The set is closed.
type TopicOp interface {
	check(t *Topic, c *checker) error
	apply(t *Topic, env Env, d *TopicDecision)
}

// A TopicDecision is what [Topic.Apply] decided. It is reused: Reset before each
// Apply.
type TopicDecision struct {
	// Subscriptions are operations to apply to the queues of subscriptions, in this
	// order, in the same environment and the same unit. They are never refused.
	Subscriptions []SubscriptionOp
	// Accessed and Durable are as in [Decision].
	Accessed bool
	Durable  bool
	History  HistoryDecision
}

// A SubscriptionOp is an operation on the queue of a subscription.
type SubscriptionOp struct {
	Subscription EntityID
	Op           Op
}

// Reset empties the decision and keeps its memory.
func (d *TopicDecision) Reset() {
	clear(d.Subscriptions)
	d.History.reset()
	*d = TopicDecision{Subscriptions: d.Subscriptions[:0], History: d.History}
}

// Check is as [Queue.Check].
func (t *Topic) Check(env Env, ops ...TopicOp) (*Need, error) {
	t.checker.begin(env)
	for _, op := range ops {
		if err := op.check(t, &t.checker); err != nil {
			return t.checker.end(err)
		}
	}
	return t.checker.end(nil)
}

// Apply applies operations that Check has just let pass in the same environment.
func (t *Topic) Apply(env Env, d *TopicDecision, ops ...TopicOp) {
	for _, op := range ops {
		op.apply(t, env, d)
	}
	t.schedule.history.decided(&d.History)
}
