package description

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"switchyard/internal/golden"
)

// TestReference: docs/entities.md is the table of properties.
func TestReference(t *testing.T) {
	golden.Page(t, "../../docs/entities.md", reference())
}

func reference() string {
	var b strings.Builder
	b.WriteString(`# Queues, topics and subscriptions

Written from the table in ` + "`broker/description/table.go`" + ` by ` + "`go test ./broker/description -run Reference -update`" + `. The first
name is that of ` + "`Config.json`" + `, in brackets where a property can't be written there; the second that of the Resource Manager.
Durations are ISO 8601 (` + "`PT1M`" + `). What is out of bounds is refused with the bounds.

| property | Resource Manager | of | default | may be |
|---|---|---|---|---|
`)
	for _, supported := range []bool{true, false} {
		if !supported {
			b.WriteString(`
## Not supported yet

These may have only their default; anything else is refused by name.

| property | Resource Manager | of | default |
|---|---|---|---|
`)
		}
		for i := range table {
			if p := &table[i]; p.Unsupported == !supported {
				p.row(&b)
			}
		}
	}
	b.WriteString(forwarding + idleness + partitions)
	return b.String()
}

const partitions = `
## Partitioned queues and topics

` + "`EnablePartitioning`" + ` is kept and shown, and what clients must heed in Azure they must heed here. The messages are in one place: as if
all were in the first of Azure's 16 partitions, numbers count from 1, the order of a queue is kept, and a peek begins with the oldest.
Whoever relies on that will find it otherwise in Azure; ` + "`x-opt-partition-id`" + ` is not set.

* The size is 16 times what is written, and shown so. What is written as it is shown means the same.
* The messages of a batch that have a session id or a partition key must have the same, else the batch is refused with
  ` + "`amqp:not-allowed`" + `. Without these, any messages go together, also where duplicates are detected.
* What one transaction sends must have one key: the session id, else the partition key, else, where duplicates are detected, the
  message id. Messages without one are refused. What it settles is not compared.
* Duplicates are those of the same id and the same key: the session id, else the partition key.
* ` + "`batch-delete-messages`" + ` is refused. ` + "`switchyard purge`" + ` works.
* A namespace has at most 100 partitioned queues and topics. A Premium namespace takes none by itself: there the namespace has the
  partitions, and ` + "`premiumMessagingPartitions`" + ` is kept and shown without an effect on its entities.
`

const idleness = `
## What nobody uses

An entity with an ` + "`AutoDeleteOnIdle`" + ` is deleted, with all its messages, when nobody has used it for that long; a topic takes its
subscriptions with it, and its keys and roles go as with any deletion. Links to it end with ` + "`amqp:not-found`" + `; the log says what
was deleted and how many messages it had.

| of | is used by |
|---|---|
| a queue | sends, receives, whether or not there is anything, settlements, renewals, peeks and every other request about its messages; new definitions |
| a topic | sends, schedules, peeks and cancellations of what is scheduled; new definitions of it. Receivers of its subscriptions do not count |
| a subscription | receives, settlements, peeks and the like; new definitions; rules that are put, deleted or listed. Copies that arrive do not count |

All the time it is used by a receiver that has asked for messages, a trigger that waits for them, a run that holds some, and
messages that are scheduled. An open link that asks for nothing is no use, and, as in Azure, neither is a receiver that waits for
the next session of whatever id. Looks through the Resource Manager do not count.

When an entity was last used is not written down, so that no message costs a write for it: the time begins anew at a start. An
entity that can't be opened because its data is damaged stays. One with ` + "`ForwardTo`" + ` is never idle: whatever is written, it has no
` + "`AutoDeleteOnIdle`" + `, and one that is created with ` + "`ForwardDeadLetteredMessagesTo`" + ` begins without.
`

const forwarding = `
## Forwarding

What comes into a queue or subscription with ` + "`ForwardTo`" + ` is moved on at once, in order, and can't be received there; so are, with
` + "`ForwardDeadLetteredMessagesTo`" + `, its dead letters. Each move is one unit of the log: after a crash a message is in one place. Where it
comes to it is a new message (number, times, delivery count 0) with the old id, session, properties, body and time to live; it shows the number that it had
first as its enqueued sequence number, and a dead letter its queue as ` + "`DeadLetterSource`" + `. A topic's rules see why it was dead-lettered.
What a rule's action has set holds there too: a message whose ` + "`sys.ScheduledEnqueueTimeUtc`" + ` is to come waits there until then, and in the
subscription it does not, as in Azure. A ` + "`sys.TimeToLive`" + ` counts in the subscription already.

The other queue or topic must be there when the property is set. Setting it moves what is there, and closes receivers. An entity with
` + "`RequiresSession`" + ` can forward its dead letters only; the one that it is forwarded to may require sessions.

| what does not go on | where it is then |
|---|---|
| the fifth hop of a message; dead letters count, until somebody has received the message | dead-letter queue, ` + "`MaxTransferHopCountExceeded`" + `; it stays there |
| a message that is refused: the other entity is full, disabled or deleted, the message too large or without session id | dead-letter queue, with why as reason and description; it stays there when the other one takes messages again |
| a dead letter, while the other entity is full, disabled or deleted | it waits in the dead-letter queue, those behind it too, and goes on as soon as that takes it |
| a dead letter that is too large or has no session id | it stays in the dead-letter queue; when a definition is put again it is tried again |
| a message that can't be read because data is damaged | it stays where it is, and those behind it go on; when a definition is put again, and at a start, it is tried again |

While they wait, clients can peek at them that open no receiver for it (JavaScript's, .NET's). Go's does, and with it
` + "`switchyard peek`, `purge` and `resubmit`" + `: take the property away first.
`

func (p *Property) row(b *strings.Builder) {
	file := "`" + p.Name + "`"
	if !p.File {
		file = "(" + file + ")"
	}
	var of []string
	for e, name := range []string{Queue: "queue", Topic: "topic", Subscription: "subscription"} {
		if p.Has.Contains(Entity(e)) {
			of = append(of, name)
		}
	}
	fmt.Fprintf(b, "| %s | `%s` | %s | %s |", file, p.ARMName(), strings.Join(of, ", "), p.words(func(l *Limits) string {
		return p.text(l.Default)
	}))
	if !p.Unsupported {
		may := p.words(p.bounds)
		if p.Fixed {
			may += "; fixed at creation"
		}
		if p.NotBasic {
			may += "; not in a Basic namespace"
		}
		if p.NotPremium != "" {
			may += "; not in a Premium namespace"
		}
		if p.PerPartition {
			may += fmt.Sprintf("; times %d in a partitioned one", Partitions)
		}
		fmt.Fprintf(b, " %s |", may)
	}
	b.WriteString("\n")
}

// words says something of the limits, and where namespaces of other tiers differ.
func (p *Property) words(of func(*Limits) string) string {
	text := of(&p.Limits)
	for _, tier := range []struct {
		name   string
		limits *Limits
	}{{"Basic", p.Basic}, {"Premium", p.Premium}} {
		if tier.limits != nil {
			if other := of(tier.limits); other != text {
				text += "; " + tier.name + ": " + other
			}
		}
	}
	return text
}

func (p *Property) bounds(l *Limits) string {
	switch {
	case p.Kind == Flag || p.Kind == FlagOn:
		return "true, false"
	case p.Kind == Choice:
		names := make([]string, len(statuses[Queue]))
		for i, s := range statuses[Queue] {
			names[i] = fmt.Sprint(s)
		}
		return strings.Join(names, ", ") + "; a topic is not ReceiveDisabled, a subscription not SendDisabled"
	case p.Kind == Text && l.Max == 0:
		return "the path, or a URL, of a queue or topic of the namespace"
	case p.Kind == Text:
		return fmt.Sprintf("up to %d characters", l.Max)
	case l.Allowed != nil:
		return strings.Trim(strings.ReplaceAll(fmt.Sprint(l.Allowed), " ", ", "), "[]")
	case l.Min == l.Max:
		return "that"
	case p.Kind == Duration && l.Min < int64(tick):
		return "more than 0, up to " + p.text(l.Max)
	}
	return p.text(l.Min) + " to " + p.text(l.Max)
}

// text is a value of the table as users write it.
func (p *Property) text(n int64) string {
	switch {
	case p.Kind == Flag:
		return "false"
	case p.Kind == FlagOn:
		return "true"
	case p.Kind == Choice:
		return fmt.Sprint(Active)
	case p.Kind == Text:
		return ""
	case p.Kind == Duration && n == int64(Forever):
		return "for ever"
	case p.Kind == Duration:
		return FormatDuration(time.Duration(n))
	case p.Kind == Size:
		return fmt.Sprintf("%d", n/kib)
	case n == math.MaxInt32:
		return "2,147,483,647"
	}
	return fmt.Sprint(n)
}
