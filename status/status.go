// Package status tells what there is in a running Switchyard and how it is, for
// "switchyard status": the server is asked and not a file, so that the answer is true
// no matter who made what there is. It has no goroutines and keeps nothing.
package status

import (
	"crypto/subtle"
	"encoding/json"
	"net/http"
	"time"

	"switchyard/broker"
	"switchyard/client"
	"switchyard/pipeline"
	"switchyard/pipeline/engine"
	"switchyard/pipeline/run"
	"switchyard/servicebus"
)

// Options are where the answer comes from. All are required.
type Options struct {
	// Token is asked for as bearer token: it opens what only those see who may read
	// the data directory.
	Token string
	// Base is what does not depend on what clients make; Disk asks for that of the data
	// directory, nil if there is none.
	Base client.Status
	Disk func() *client.Disk
	Now  func() time.Time
	// Clients knows what clients of Service Bus have.
	Clients *servicebus.Shared
	// Requests tells what the bodies of HTTP requests under way take, and how many were refused.
	Requests func() (bytes int64, refused uint64)

	Broker *broker.Broker
	// Address is the host and port of a namespace.
	Address func(namespace string) (string, error)
	// FactoryNames and Factory tell which factories there are.
	FactoryNames func() []string
	Factory      func(name string) (*pipeline.Factory, error)
	Engine       *engine.Engine
	// Trouble returns why a trigger that is started takes no messages; nil: it does.
	Trouble func(*pipeline.Factory, *pipeline.Trigger) error
}

// Handler answers GET [client.StatusPath].
func Handler(o Options) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		want, got := "Bearer "+o.Token, r.Header.Get("Authorization")
		if subtle.ConstantTimeCompare([]byte(want), []byte(got)) != 1 {
			http.Error(w, "the token in endpoints.json is missing", http.StatusUnauthorized)
			return
		}
		s, err := o.now()
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(s) // the client may be gone
	})
}

// now is the status at the moment. What is deleted meanwhile is left out.
func (o *Options) now() (*client.Status, error) {
	s := o.Base
	s.Disk, s.Clients = o.Disk(), clients(o.Clients.Usage())
	s.Requests.Memory, s.Requests.Refused = o.Requests()
	s.Namespaces, s.Factories = []client.NamespaceStatus{}, []client.FactoryStatus{}
	for _, name := range o.Broker.Namespaces() {
		if n, err := o.namespace(name); err == nil {
			s.Namespaces = append(s.Namespaces, n)
		}
	}
	for _, name := range o.FactoryNames() {
		f, err := o.Factory(name)
		if err != nil {
			continue
		}
		x, err := o.factory(f)
		if err != nil {
			return nil, err
		}
		s.Factories = append(s.Factories, x)
	}
	return &s, nil
}

func clients(u servicebus.Usage) client.Clients {
	return client.Clients{Connections: u.Connections, Links: u.Links, Unsettled: u.Unsettled, Memory: u.Memory,
		Refused: client.Refusals(u.Refused)}
}

func (o *Options) namespace(name string) (client.NamespaceStatus, error) {
	n := client.NamespaceStatus{Name: name, Queues: []client.QueueStatus{}, Topics: []client.TopicStatus{}}
	n.Address, _ = o.Address(name) // "" if it has no port, which the log says
	queues, err := o.Broker.Queues(name)
	if err != nil {
		return n, err
	}
	for _, q := range queues {
		n.Queues = append(n.Queues, queue(q.Path, q.Counts))
	}
	topics, err := o.Broker.Topics(name)
	if err != nil {
		return n, err
	}
	for _, t := range topics {
		x := client.TopicStatus{Name: t.Path, Subscriptions: []client.QueueStatus{},
			TransferStatus: client.TransferStatus{Waiting: t.Transfer, Dead: t.TransferDeadLetter}}
		subscriptions, _ := o.Broker.Subscriptions(name, t.Path) // none of a topic that is gone
		for _, sub := range subscriptions {
			x.Subscriptions = append(x.Subscriptions, queue(sub.Name, sub.Counts))
		}
		n.Topics = append(n.Topics, x)
	}
	return n, nil
}

func queue(name string, c broker.Counts) client.QueueStatus {
	return client.QueueStatus{Name: name, Active: c.Active, DeadLettered: c.DeadLetter, Scheduled: c.Scheduled,
		Locked: c.Locked, Size: c.SizeInBytes,
		TransferStatus: client.TransferStatus{Waiting: c.Transfer, Dead: c.TransferDeadLetter}}
}

func (o *Options) factory(f *pipeline.Factory) (client.FactoryStatus, error) {
	x := client.FactoryStatus{Name: f.Name, Pipelines: []client.PipelineStatus{}, Triggers: []client.TriggerStatus{}}
	ended, since, err := o.ended(f.Name)
	if err != nil {
		return x, err
	}
	x.RunsSince = since
	for _, p := range f.Pipelines {
		c := ended[p.Name]
		c.Name, c.Active = p.Name, o.Engine.ActiveRuns(f.Name, p.Name)
		x.Pipelines = append(x.Pipelines, c)
	}
	for _, t := range f.Triggers {
		s := client.TriggerStatus{Name: t.Name, State: "Stopped", Pipelines: []string{}}
		if t.Started {
			s.State = "Started"
		}
		if err := o.Trouble(f, t); err != nil {
			s.Trouble = err.Error()
		}
		if t.ServiceBus != nil {
			s.Queue = t.ServiceBus.QueueName
		}
		for _, p := range t.Pipelines {
			s.Pipelines = append(s.Pipelines, p.Pipeline.Name)
		}
		x.Triggers = append(x.Triggers, s)
	}
	return x, nil
}

const (
	// window is how far back ended runs are counted.
	window = 24 * time.Hour
	// maxRuns is how many are looked at for that: a status that is asked for every two
	// seconds costs little, however long the history is.
	maxRuns = 1000
)

// ended counts the runs of a factory that started within the window and have ended, by
// their pipelines, and returns from when on it has.
func (o *Options) ended(factory string) (map[string]client.PipelineStatus, time.Time, error) {
	since := o.Now().Add(-window)
	counts := map[string]client.PipelineStatus{}
	runs, more, err := o.Engine.Query(engine.Query{Factory: factory, NewestFirst: true, Limit: maxRuns})
	for _, r := range runs {
		if r.Start.Before(since) {
			more = false // all that are left are older
			break
		}
		c := counts[r.Pipeline]
		switch r.Status {
		case run.Succeeded:
			c.Succeeded++
		case run.Failed:
			c.Failed++
		case run.Cancelled:
			c.Cancelled++
		}
		counts[r.Pipeline] = c
	}
	if more {
		since = runs[len(runs)-1].Start
	}
	return counts, since.UTC(), err
}
