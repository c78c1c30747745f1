// Package workload drives an AMQP 1.0 endpoint with messages that it numbers, takes every
// one back, and measures. It knows nothing of Service Bus, so that any server can be
// measured in the same way. The client is github.com/Azure/go-amqp, which Azure's
// SDK for Go is made of: what it costs is part of every figure.
//
// A message that is lost, comes twice, is changed or overtakes one of the same producer
// is a [Fault], and there are no figures: a server is not fast at what it does not do.
// Memory is bounded by what is in flight and a bit for each message.
package workload

import (
	"fmt"
	"time"
)

// What every workload has; [Workload] says what differs.
const (
	Producers = 16  // connections that send
	InFlight  = 16  // messages that each of them has sent and not yet seen accepted
	Credit    = 256 // messages that each consumer may hold unsettled
)

// MaxMessages is the largest number of messages of a workload.
const MaxMessages = 10_000_000

// A Workload is what is done to a queue. Its producers send; then, or at once, its
// consumers receive and settle each message.
type Workload struct {
	Name     string
	Size     int // of a body, in bytes
	Messages int
	// AtOnce has the consumers receive while the producers send. Without it they begin
	// when everything was sent, and the two are measured apart.
	AtOnce    bool
	Consumers int // connections that receive
	// Waiting measures what the server's memory has grown by while all messages wait.
	Waiting bool
}

// All are the workloads that there are.
var All = []Workload{
	{Name: "small", Size: 1 << 10, Messages: 200_000, Consumers: 1},
	{Name: "both", Size: 1 << 10, Messages: 200_000, Consumers: 4, AtOnce: true},
	{Name: "large", Size: 64 << 10, Messages: 8192, Consumers: 1},
	{Name: "backlog", Size: 256, Messages: 1_000_000, Consumers: 1, Waiting: true},
}

// share is how many messages one producer sends.
func (w Workload) share(producer int) int {
	n := w.Messages / Producers
	if producer < w.Messages%Producers {
		n++
	}
	return n
}

// The kinds of faults.
const (
	Lost       = "MessagesLost"
	Duplicated = "MessagesDuplicated"
	Disordered = "MessagesDisordered"
	Damaged    = "MessagesDamaged"
)

// A Fault is what a server did to messages that it must not do. Its text is one sentence.
type Fault struct {
	Kind string // [Lost] and the others
	text string
}

func (f *Fault) Error() string { return f.text }

func fault(kind, format string, a ...any) *Fault {
	return &Fault{Kind: kind, text: fmt.Sprintf(format, a...)}
}

// A StalledError is that of a server that did nothing any more for as long as it may.
type StalledError struct{ after time.Duration }

func (e *StalledError) Error() string { return fmt.Sprintf("the server did nothing for %s", e.after) }
