package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"

	"switchyard/config"
)

// peek shows messages without taking them, and says when there are more.
func peek(ctx context.Context, e *env, v *config.Values, operands []string) int {
	s, err := openSource(ctx, v, "peek", operands[0], v.Bool("dead-letter"))
	if err != nil {
		return e.fail(err)
	}
	defer s.close(ctx)
	s.how = "name one with --session ID"
	if err := s.openSession(ctx, v.String("session"), false, 0); err != nil {
		return e.fail(err)
	}
	p := &peeked{e: e, full: v.Bool("full"), left: v.Int("count")}
	// One more than asked for tells whether there are more.
	err = s.each(ctx, int64(v.Int("from")), p.left+1, p.add)
	e.printf("%s", p.text(e.width()))
	switch {
	case err != nil: // behind those that came
		return e.fail(err)
	case p.next > 0 && e.json:
		fmt.Fprintf(e.stderr, "{\"more\":true,\"nextSequenceNumber\":%d}\n", p.next)
	case p.next > 0:
		fmt.Fprintf(e.stderr, "there are more: --from %d shows them, --count more at once\n", p.next)
	case p.shown == 0 && !e.json:
		fmt.Fprintln(e.stderr, "no messages")
	}
	return exitOK
}

// peeked shows messages as they come: of those in a table it holds the lines, of others
// nothing.
type peeked struct {
	e           *env
	full        bool
	left, shown int
	next        int64 // sequence number of the first one behind them
	table       *table
	notes       []string
}

func (p *peeked) add(m *azservicebus.ReceivedMessage) error {
	if p.left == 0 {
		p.next = *m.SequenceNumber
		return nil
	}
	p.left--
	p.shown++
	switch {
	case p.e.json:
		return jsonLine(p.e.stdout, shown(m))
	case p.full:
		text := shown(m).text(p.e.width())
		if p.shown > 1 {
			text = "\n" + text
		}
		_, err := io.WriteString(p.e.stdout, text)
		return err
	}
	p.line(m)
	return nil
}

// shownBody is how much of a body its line in a table holds at most, in bytes: more than
// a terminal is wide.
const shownBody = 1 << 10

// line adds the line of a message, and why it is a dead letter.
func (p *peeked) line(m *azservicebus.ReceivedMessage) {
	if p.table == nil {
		p.table = &table{columns: []column{{title: "NUMBER", whole: true}, {title: "MESSAGE"}, {title: "ENQUEUED", whole: true},
			{title: "DELIVERY", whole: true}, {title: "STATE", whole: true}, {title: "BODY"}}}
	}
	s := shown(m)
	if s.State == "" {
		s.State = "Active"
	}
	body := strings.ToValidUTF8(string(m.Body[:min(len(m.Body), shownBody)]), "")
	p.table.add(fmt.Sprint(s.SequenceNumber), s.MessageID, s.EnqueuedTime.Format(time.DateTime), fmt.Sprint(s.DeliveryCount),
		s.State, body)
	p.notes = append(p.notes, deadLetterText(m))
}

// text is the table, "" without a line.
func (p *peeked) text(columns int) string {
	if p.table == nil {
		return ""
	}
	return withNotes(p.table.layout(columns), p.notes, columns)
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
