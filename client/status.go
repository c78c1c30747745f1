package client

import (
	"context"
	"errors"
	"time"
)

// StatusPath is where a Switchyard tells its [Status] to those who have its token.
const StatusPath = "/switchyard/status"

// Status is what there is in a Switchyard and how it is. It is the answer of
// "switchyard status --output json": members are added, and keep their meaning.
type Status struct {
	Version    string            `json:"version,omitempty"`
	PID        int               `json:"pid"`
	Since      time.Time         `json:"since"`   // when it started
	DataDir    string            `json:"dataDir"` // of an ephemeral one: see [Endpoints]
	Ephemeral  bool              `json:"ephemeral"`
	Auth       string            `json:"auth"` // development or strict
	Health     Health            `json:"health"`
	Disk       *Disk             `json:"disk,omitempty"` // nil if nothing is kept on one
	HTTP       string            `json:"http"`           // host:port, of HTTP and HTTPS
	Clients    Clients           `json:"clients"`
	Requests   Requests          `json:"requests"`
	Namespaces []NamespaceStatus `json:"namespaces"`
	Factories  []FactoryStatus   `json:"factories"`
}

// Clients is what the clients of all Service Bus namespaces have at the moment, and how
// often a limit refused them something since the start: see docs/limits.md.
type Clients struct {
	Connections int64    `json:"connections"` // that have shown a token
	Links       int64    `json:"links"`
	Unsettled   int64    `json:"unsettled"`   // messages received and not settled on their links
	Memory      int64    `json:"memoryBytes"` // what they have begun and do not take
	Refused     Refusals `json:"refused"`
}

// Refusals count what was refused, or closed, because of a limit.
type Refusals struct {
	Connections uint64 `json:"connections"`
	Links       uint64 `json:"links"`
	Unsettled   uint64 `json:"unsettled"`
	Memory      uint64 `json:"memory"`
}

// Requests is what the bodies of HTTP requests under way take at the moment, and how many
// requests were refused since the start because all together took too much.
type Requests struct {
	Memory  int64  `json:"memoryBytes"`
	Refused uint64 `json:"refused"`
}

// Disk is that of the data directory, in bytes.
type Disk struct {
	Used int64 `json:"used"` // by the data directory
	Free int64 `json:"free"` // -1: not known
}

// NamespaceStatus is a Service Bus namespace.
type NamespaceStatus struct {
	Name    string        `json:"name"`
	Address string        `json:"address"` // host:port
	Queues  []QueueStatus `json:"queues"`
	Topics  []TopicStatus `json:"topics"`
}

// QueueStatus is a queue or a subscription with its messages.
type QueueStatus struct {
	Name         string `json:"name"`
	Active       int64  `json:"active"` // with those that are locked or deferred, as Azure counts
	DeadLettered int64  `json:"deadLettered"`
	Scheduled    int64  `json:"scheduled"`
	Locked       int64  `json:"locked"`
	Size         int64  `json:"sizeInBytes"`
	TransferStatus
}

// TransferStatus is what was sent by way of a queue or a topic to other entities.
type TransferStatus struct {
	Waiting int64 `json:"transfer"` // to go on
	Dead    int64 `json:"transferDeadLettered"`
}

// TopicStatus is a topic.
type TopicStatus struct {
	Name          string        `json:"name"`
	Subscriptions []QueueStatus `json:"subscriptions"`
	TransferStatus
}

// FactoryStatus is a data factory.
type FactoryStatus struct {
	Name      string           `json:"name"`
	Pipelines []PipelineStatus `json:"pipelines"`
	Triggers  []TriggerStatus  `json:"triggers"`
	// RunsSince is from when on ended runs are counted. If there are too many to look
	// at, it is later than a day ago.
	RunsSince time.Time `json:"runsSince"`
}

// PipelineStatus is a pipeline with its runs.
type PipelineStatus struct {
	Name      string `json:"name"`
	Active    int    `json:"active"` // run or wait for their turn
	Succeeded int    `json:"succeeded"`
	Failed    int    `json:"failed"`
	Cancelled int    `json:"cancelled"`
}

// TriggerStatus is a trigger.
type TriggerStatus struct {
	Name      string   `json:"name"`
	State     string   `json:"state"` // Started or Stopped
	Queue     string   `json:"queue,omitempty"`
	Pipelines []string `json:"pipelines"`
	// Trouble is why a trigger that is started takes no messages, and what mends it; "" if
	// it does.
	Trouble string `json:"trouble,omitempty"`
}

// Status asks a Switchyard how it is. The error is a [*NotReadyError], or what went wrong.
func (s Server) Status(ctx context.Context) (*Status, error) {
	told := &Status{}
	err := s.askFor(ctx, "GET", StatusPath, "", told)
	if err == nil {
		told.Health, err = s.Health(ctx)
	}
	if _, unwell := errors.AsType[*NotReadyError](err); unwell && told.Health.Status != "" {
		err = nil // it says why itself
	}
	return told, err
}
