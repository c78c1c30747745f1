package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"

	"switchyard/client"
	"switchyard/config"
)

// peek shows messages without taking them, and says when there are more.
func peek(ctx context.Context, e *env, v *config.Values, operands []string) int {
	entity, err := client.ParseEntity(operands[0])
	if err != nil {
		return e.fail(&config.UsageError{Msg: err.Error()})
	}
	b, err := connect(ctx, v)
	if err != nil {
		return e.fail(err)
	}
	defer b.Close(ctx)
	r, err := b.Receiver(entity, v.Bool("dead-letter"))
	if err != nil {
		return e.fail(client.Explain("peek "+operands[0], b.Where, err))
	}
	// One more than asked for tells whether there are more.
	all, failed := peekAll(ctx, b, r, int64(v.Int("from")), v.Int("count")+1)
	next := int64(0)
	if n := v.Int("count"); len(all) > n {
		next, all = *all[n].SequenceNumber, all[:n]
	}
	if err := printPeeked(e, v, all); err != nil {
		return e.fail(err)
	}
	switch {
	case failed != nil: // behind those that came
		return e.fail(client.Explain("peek "+operands[0], b.Where, failed))
	case next > 0 && e.json:
		fmt.Fprintf(e.stderr, "{\"more\":true,\"nextSequenceNumber\":%d}\n", next)
	case next > 0:
		fmt.Fprintf(e.stderr, "there are more: --from %d shows them, --count more at once\n", next)
	case len(all) == 0 && !e.json:
		fmt.Fprintln(e.stderr, "no messages")
	}
	return exitOK
}

// peekAll peeks up to n messages from a sequence number on. If it fails it also returns
// those before the failure.
func peekAll(ctx context.Context, b *client.Bus, r *azservicebus.Receiver, from int64, n int) (
	all []*azservicebus.ReceivedMessage, err error) {
	for len(all) < n {
		pctx, cancel := context.WithTimeout(ctx, b.Timeout)
		msgs, err := r.PeekMessages(pctx, min(n-len(all), 250), &azservicebus.PeekMessagesOptions{FromSequenceNumber: &from})
		if err != nil && pctx.Err() != nil {
			err = pctx.Err()
		}
		cancel()
		if err != nil {
			return all, err
		}
		if len(msgs) == 0 {
			break
		}
		all = append(all, msgs...)
		from = *msgs[len(msgs)-1].SequenceNumber + 1
	}
	return all, nil
}

func printPeeked(e *env, v *config.Values, msgs []*azservicebus.ReceivedMessage) error {
	switch {
	case v.String("output") == "json":
		for _, m := range msgs {
			if err := jsonLine(e.stdout, shown(m)); err != nil {
				return err
			}
		}
		return nil
	case v.Bool("full"):
		for i, m := range msgs {
			if i > 0 {
				e.printf("\n")
			}
			e.printf("%s", shown(m).text(e.width()))
		}
		return nil
	}
	e.printf("%s", messageTable(msgs, e.width()))
	return nil
}

// messageTable has one line for each message, and one more for why it is a dead letter.
func messageTable(msgs []*azservicebus.ReceivedMessage, columns int) string {
	if len(msgs) == 0 {
		return ""
	}
	t := &table{columns: []column{{title: "NUMBER", whole: true}, {title: "MESSAGE"}, {title: "ENQUEUED", whole: true},
		{title: "DELIVERY", whole: true}, {title: "STATE", whole: true}, {title: "BODY"}}}
	why := make([]string, len(msgs))
	for i, m := range msgs {
		s := shown(m)
		if s.State == "" {
			s.State = "Active"
		}
		t.add(fmt.Sprint(s.SequenceNumber), s.MessageID, s.EnqueuedTime.Format(time.DateTime), fmt.Sprint(s.DeliveryCount),
			s.State, string(m.Body))
		why[i] = deadLetterText(m)
	}
	return withNotes(t.layout(columns), why, columns)
}

// withNotes puts a line below each line of a table of which there is more to say.
func withNotes(text string, notes []string, columns int) string {
	var b strings.Builder
	i := -1 // the titles
	for line := range strings.Lines(text) {
		b.WriteString(line)
		if i >= 0 && notes[i] != "" {
			b.WriteString(shorten("  "+notes[i], columns) + "\n")
		}
		i++
	}
	return b.String()
}

func deadLetterText(m *azservicebus.ReceivedMessage) string {
	if m.DeadLetterReason == nil {
		return ""
	}
	why := *m.DeadLetterReason
	if m.DeadLetterErrorDescription != nil {
		why += ": " + *m.DeadLetterErrorDescription
	}
	return printable(why)
}
