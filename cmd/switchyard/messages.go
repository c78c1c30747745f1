package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"text/tabwriter"
	"time"
	"unicode/utf8"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"

	"switchyard/client"
	"switchyard/config"
	"switchyard/value"
)

// dialPatience is how long a Switchyard on this machine may take to accept.
const dialPatience = 5 * time.Second

// connect opens a client of the named connection string, or of the Switchyard
// that runs on the data directory.
func connect(v *config.Values) (*azservicebus.Client, error) {
	cs := v.String("connection-string")
	if cs == "" || v.Beats("data", "connection-string") {
		ep, err := client.Read(v.String("data"))
		if err != nil {
			return nil, err
		}
		// A process that was killed leaves its file; the SDK would knock for most of
		// a minute.
		c, err := net.DialTimeout("tcp", ep.AMQP, dialPatience)
		if err != nil {
			return nil, fmt.Errorf("no Switchyard answers at %s, which %s names: %w",
				ep.AMQP, filepath.Join(v.String("data"), "endpoints.json"), err)
		}
		c.Close()
		cs = ep.ConnectionString
	}
	return azservicebus.NewClientFromConnectionString(cs, &azservicebus.ClientOptions{
		RetryOptions: azservicebus.RetryOptions{MaxRetries: 2, RetryDelay: 500 * time.Millisecond,
			MaxRetryDelay: 2 * time.Second},
	})
}

func send(ctx context.Context, e *env, v *config.Values, operands []string) int {
	c, err := connect(v)
	if err != nil {
		return e.fail(err)
	}
	defer c.Close(context.WithoutCancel(ctx))
	m := &azservicebus.Message{}
	if s := v.String("content-type"); s != "" {
		m.ContentType = &s
	}
	if s := v.String("subject"); s != "" {
		m.Subject = &s
	}
	if s := v.String("message-id"); s != "" {
		m.MessageID = &s
	}
	if s := v.String("property"); s != "" {
		if m.ApplicationProperties, err = properties(s); err != nil {
			return e.fail(&config.UsageError{Msg: "property: " + err.Error()})
		}
	}
	if len(operands) == 2 {
		m.Body = []byte(operands[1])
	} else if m.Body, err = io.ReadAll(e.stdin); err != nil {
		return e.fail(err)
	}
	s, err := c.NewSender(operands[0], nil)
	if err != nil {
		return e.fail(err)
	}
	defer s.Close(context.WithoutCancel(ctx))
	if err := s.SendMessage(ctx, m, nil); err != nil {
		return e.fail(fmt.Errorf("send to %s: %w", operands[0], err))
	}
	return exitOK
}

// properties reads application properties: a JSON object of simple values. Whole
// numbers are AMQP longs, others doubles.
func properties(text string) (map[string]any, error) {
	v, err := value.Parse([]byte(text))
	if err != nil {
		return nil, err
	}
	o, ok := v.(*value.Object)
	if !ok {
		return nil, errors.New("should be a JSON object")
	}
	out := map[string]any{}
	for _, m := range o.Members() {
		switch m.Value.(type) {
		case nil, bool, int64, float64, string:
			out[m.Name] = m.Value
		default:
			return nil, fmt.Errorf("the value of %q should be a text, a number, true, false or null", m.Name)
		}
	}
	return out, nil
}

// shownMessage is a message as peek and receive print it.
type shownMessage struct {
	SequenceNumber        int64          `json:"sequenceNumber"`
	MessageID             string         `json:"messageId"`
	EnqueuedTime          time.Time      `json:"enqueuedTimeUtc"`
	DeliveryCount         uint32         `json:"deliveryCount"`
	State                 string         `json:"state,omitempty"`
	ContentType           *string        `json:"contentType,omitempty"`
	Subject               *string        `json:"subject,omitempty"`
	CorrelationID         *string        `json:"correlationId,omitempty"`
	ApplicationProperties map[string]any `json:"applicationProperties,omitempty"`
	DeadLetterReason      *string        `json:"deadLetterReason,omitempty"`
	DeadLetterDescription *string        `json:"deadLetterErrorDescription,omitempty"`
	Body                  any            `json:"body"`
}

func shown(m *azservicebus.ReceivedMessage) shownMessage {
	s := shownMessage{
		MessageID: m.MessageID, DeliveryCount: m.DeliveryCount, ContentType: m.ContentType, Subject: m.Subject,
		CorrelationID: m.CorrelationID, ApplicationProperties: m.ApplicationProperties,
		DeadLetterReason: m.DeadLetterReason, DeadLetterDescription: m.DeadLetterErrorDescription,
	}
	if m.SequenceNumber != nil {
		s.SequenceNumber = *m.SequenceNumber
	}
	if m.EnqueuedTime != nil {
		s.EnqueuedTime = m.EnqueuedTime.UTC()
	}
	switch m.State {
	case azservicebus.MessageStateDeferred:
		s.State = "Deferred"
	case azservicebus.MessageStateScheduled:
		s.State = "Scheduled"
	}
	switch {
	case json.Valid(m.Body):
		s.Body = json.RawMessage(m.Body)
	case utf8.Valid(m.Body):
		s.Body = string(m.Body)
	default:
		s.Body = m.Body // base64 in JSON
	}
	return s
}

func printMessages(e *env, v *config.Values, msgs []*azservicebus.ReceivedMessage) int {
	if v.String("output") == "json" {
		enc := json.NewEncoder(e.stdout)
		enc.SetEscapeHTML(false)
		for _, m := range msgs {
			if err := enc.Encode(shown(m)); err != nil {
				return e.fail(err)
			}
		}
		return exitOK
	}
	if len(msgs) == 0 {
		fmt.Fprintln(e.stderr, "no messages")
		return exitOK
	}
	w := tabwriter.NewWriter(e.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NUMBER\tMESSAGE ID\tENQUEUED\tDELIVERIES\tBODY\tDEAD-LETTER REASON")
	for _, m := range msgs {
		s := shown(m)
		reason := ""
		if s.DeadLetterReason != nil {
			reason = *s.DeadLetterReason
		}
		if s.DeadLetterDescription != nil {
			reason += ": " + *s.DeadLetterDescription
		}
		fmt.Fprintf(w, "%d\t%s\t%s\t%d\t%s\t%s\n", s.SequenceNumber, printable(s.MessageID),
			s.EnqueuedTime.Format(time.RFC3339),
			s.DeliveryCount, cut(printable(string(m.Body)), 60), cut(printable(reason), 80))
	}
	if err := w.Flush(); err != nil {
		return e.fail(err)
	}
	return exitOK
}

func receiver(c *azservicebus.Client, queue string, v *config.Values) (*azservicebus.Receiver, error) {
	o := &azservicebus.ReceiverOptions{}
	if v.Bool("dead-letter") {
		o.SubQueue = azservicebus.SubQueueDeadLetter
	}
	return c.NewReceiverForQueue(queue, o)
}

func peek(ctx context.Context, e *env, v *config.Values, operands []string) int {
	c, err := connect(v)
	if err != nil {
		return e.fail(err)
	}
	defer c.Close(context.WithoutCancel(ctx))
	r, err := receiver(c, operands[0], v)
	if err != nil {
		return e.fail(err)
	}
	defer r.Close(context.WithoutCancel(ctx))
	var all []*azservicebus.ReceivedMessage
	for len(all) < v.Int("count") {
		msgs, err := r.PeekMessages(ctx, v.Int("count")-len(all), nil)
		if err != nil {
			return e.fail(fmt.Errorf("peek %s: %w", operands[0], err))
		}
		if len(msgs) == 0 {
			break
		}
		all = append(all, msgs...)
	}
	return printMessages(e, v, all)
}

// receive takes messages and completes each only after it was printed.
func receive(ctx context.Context, e *env, v *config.Values, operands []string) int {
	c, err := connect(v)
	if err != nil {
		return e.fail(err)
	}
	defer c.Close(context.WithoutCancel(ctx))
	r, err := receiver(c, operands[0], v)
	if err != nil {
		return e.fail(err)
	}
	defer r.Close(context.WithoutCancel(ctx))
	var all []*azservicebus.ReceivedMessage
	var failed error
	wait := v.Duration("wait")
	for len(all) < v.Int("count") {
		wctx, cancel := context.WithTimeout(ctx, wait)
		msgs, err := r.ReceiveMessages(wctx, v.Int("count")-len(all), nil)
		cancel()
		all = append(all, msgs...)
		if errors.Is(err, context.DeadlineExceeded) {
			break
		}
		if failed = err; err != nil {
			break
		}
		wait = min(wait, time.Second) // the rest is there already or not at all
	}
	if failed != nil && len(all) == 0 {
		return e.fail(fmt.Errorf("receive from %s: %w", operands[0], failed))
	}
	if code := printMessages(e, v, all); code != exitOK {
		return code
	}
	for _, m := range all {
		if err := r.CompleteMessage(ctx, m, nil); err != nil {
			return e.fail(fmt.Errorf("complete message %s: %w", m.MessageID, err))
		}
	}
	if failed != nil { // behind those that came
		return e.fail(fmt.Errorf("receive from %s: %w", operands[0], failed))
	}
	return exitOK
}
