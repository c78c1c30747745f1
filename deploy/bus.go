package deploy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"switchyard/auth"
	"switchyard/broker"
	"switchyard/pipeline"
	"switchyard/ports"
)

// Existing tells what is there beside what a folder declares: nothing, when a folder is
// looked at alone. Namespace and entity names are compared ignoring case.
type Existing struct {
	Namespaces []string
	// Queue and Topic report whether a namespace has one of the path; nil: it has none.
	Queue, Topic func(namespace, path string) bool
}

// CheckBus reports what the folder's entities, triggers and activities name and is not
// there: namespaces, and queues and topics whose names are no expressions. What an entity
// forwards to and what a started trigger needs is an error, as is the rest
// unless the folder was read relaxed.
func (d *Deployment) CheckBus(there Existing) pipeline.Diagnostics {
	c := &busCheck{d: d, there: there, told: map[*pipeline.LinkedService]bool{}}
	c.forwards()
	if d.Factory != nil {
		c.factory()
	}
	d.sources.locate(c.diags)
	inOrder(c.diags)
	return c.diags
}

// forwards checks that what entities forward to is there.
func (c *busCheck) forwards() {
	c.severity = pipeline.SeverityError
	for _, n := range c.d.Namespaces {
		for _, f := range n.forwards {
			queue, topic := c.find(n.Name, f.Path)
			_, sub := broker.SplitPath(f.Path)
			_, _, of := broker.SplitSubscription(f.Path)
			if !topic && (!queue || of || sub != broker.MainQueue) {
				c.report(f.file, f.at, "namespace %s has no queue or topic %q%s", n.Name, cmp.Or(f.Path, f.Text), c.known(n.Name, true))
			}
		}
	}
}

// factory checks triggers and activities.
func (c *busCheck) factory() {
	d := c.d
	for _, t := range d.Factory.Triggers {
		if b := t.ServiceBus; b != nil {
			c.severity = severity(!d.mode.Relaxed || t.Started)
			c.entity(t.File, "$.properties.typeProperties.queueName", b.LinkedService, b.QueueName, false)
		}
	}
	c.severity = severity(!d.mode.Relaxed)
	for _, p := range d.Factory.Pipelines {
		p.Walk(func(a *pipeline.Activity) {
			if a.Inactive || a.LinkedService == nil {
				return
			}
			v, _ := a.TypeProperties.Lookup("queueName")
			name, _ := pipeline.Literal(v).(string)
			switch {
			case a.Is(pipeline.ServiceBusSend):
				c.entity(p.File, a.Path+".typeProperties.queueName", a.LinkedService, name, true)
			case a.Is(pipeline.ServiceBusSettle):
				c.entity(p.File, a.Path, a.LinkedService, "", false)
			}
		})
	}
}

// A busCheck collects what is not there.
type busCheck struct {
	d        *Deployment
	there    Existing
	severity pipeline.Severity
	told     map[*pipeline.LinkedService]bool // whose namespace is not there
	diags    pipeline.Diagnostics
}

func (c *busCheck) report(file, at, format string, a ...any) {
	c.diags = append(c.diags, pipeline.Diagnostic{File: file, Path: at, Message: fmt.Sprintf(format, a...),
		Severity: c.severity})
}

// entity checks a queue that messages are taken from, or what they are sent to. The name
// "" is not known before the pipeline runs.
func (c *busCheck) entity(file, at string, ref *pipeline.Reference, name string, sends bool) {
	if ref == nil {
		return
	}
	l := c.d.Factory.LinkedService(ref.Name)
	if l == nil {
		return // reported as a reference
	}
	ns, ok := c.namespace(l)
	if !ok || name == "" {
		return
	}
	queue, topic := c.find(ns, name)
	what := "queue"
	if sends {
		what = "queue or topic"
	}
	forwards := ""
	if !sends {
		forwards = c.forwardsTo(ns, name)
	}
	switch {
	case forwards != "":
		c.report(file, at, "%q gives nothing to a trigger: its messages go on to %s", name, forwards)
	case queue || topic && sends:
	case topic:
		c.report(file, at, "%q is a topic of namespace %s; messages are taken from a queue, or a subscription", name, ns)
	default:
		c.report(file, at, "namespace %s has no %s %q%s", ns, what, name, c.known(ns, sends))
	}
}

// namespace returns the namespace that a linked service means. Ok is false if there is
// none, which is reported once, or if it is not known before a run.
func (c *busCheck) namespace(l *pipeline.LinkedService) (string, bool) {
	host, member := hostOf(l)
	if host == "" {
		return "", false
	}
	names := slices.Clone(c.there.Namespaces)
	for _, n := range c.d.Namespaces {
		if !slices.ContainsFunc(names, func(x string) bool { return strings.EqualFold(x, n.Name) }) {
			names = append(names, n.Name)
		}
	}
	var places ports.Directory
	for _, n := range names {
		places.Places = append(places.Places, ports.Place{Namespace: n})
	}
	if ns, ok := places.Find(host, ""); ok {
		return ns, true
	}
	if here := (ports.Directory{Places: []ports.Place{{}}}); len(names) > 1 {
		if _, ok := here.Find(host, ""); ok {
			return "", false // the port tells which
		}
	}
	if !c.told[l] {
		c.told[l] = true
		declared := "there is none"
		if len(names) > 0 {
			declared = "there are " + strings.Join(names, ", ")
		}
		if len(names) == 1 {
			declared = "there is " + names[0]
		}
		c.report(l.File, "$.properties.typeProperties."+member, "%q means no namespace that is served; %s", host, declared)
	}
	return "", false
}

// hostOf returns the host that a linked service of our type names, "" if it is not known
// before a run, and the member that names it.
func hostOf(l *pipeline.LinkedService) (host, member string) {
	if !l.Is(pipeline.TypeAzureServiceBus) {
		return "", ""
	}
	v, _ := l.TypeProperties.Lookup("fullyQualifiedNamespace")
	if host, _ := pipeline.Literal(v).(string); host != "" {
		return host, "fullyQualifiedNamespace"
	}
	v, _ = l.TypeProperties.Lookup("connectionString")
	text, secure := pipeline.SecureString(v)
	if !secure {
		text, _ = v.(string)
	}
	if text, ok := pipeline.Literal(text).(string); ok && text != "" {
		if cs, err := auth.ParseConnectionString(text); err == nil {
			return cs.Endpoint, "connectionString"
		}
	}
	return "", ""
}

// find reports what a name is in a namespace.
func (c *busCheck) find(ns, name string) (queue, topic bool) {
	queue = c.there.Queue != nil && c.there.Queue(ns, name)
	topic = c.there.Topic != nil && c.there.Topic(ns, name)
	path := strings.ToLower(name)
	path = strings.TrimSuffix(path, "/$deadletterqueue")
	for _, n := range c.d.Namespaces {
		if !strings.EqualFold(n.Name, ns) {
			continue
		}
		for _, q := range n.Queues {
			queue = queue || strings.EqualFold(q.Name, path)
		}
		for _, t := range n.Topics {
			topic = topic || strings.EqualFold(t.Name, path)
			for _, s := range t.Subscriptions {
				queue = queue || strings.EqualFold(t.Name+"/subscriptions/"+s.Name, path)
			}
		}
	}
	return queue, topic
}

// forwardsTo returns where the messages go on that the folder lets a queue forward; "" if it
// does not.
func (c *busCheck) forwardsTo(ns, path string) string {
	path, sub := broker.SplitPath(path)
	to := func(o *broker.QueueOptions) string {
		if sub == broker.DeadLetterQueue {
			return o.ForwardDeadLetteredMessagesTo
		}
		return o.ForwardTo
	}
	for _, n := range c.d.Namespaces {
		if !strings.EqualFold(n.Name, ns) {
			continue
		}
		for _, q := range n.Queues {
			if strings.EqualFold(q.Name, path) {
				return to(&q.Options)
			}
		}
		for _, t := range n.Topics {
			for _, s := range t.Subscriptions {
				if strings.EqualFold(broker.SubscriptionPath(t.Name, s.Name), path) {
					return to(&s.Options)
				}
			}
		}
	}
	return ""
}

// known lists what the folder declares in a namespace.
func (c *busCheck) known(ns string, topics bool) string {
	var all []string
	for _, n := range c.d.Namespaces {
		if !strings.EqualFold(n.Name, ns) {
			continue
		}
		for _, q := range n.Queues {
			all = append(all, q.Name)
		}
		for _, t := range n.Topics {
			if topics {
				all = append(all, t.Name)
			}
		}
	}
	switch {
	case all == nil:
		return ", and the folder declares none"
	case len(all) > 10:
		return fmt.Sprintf("; the folder declares %s and %d more", strings.Join(all[:10], ", "), len(all)-10)
	}
	return "; the folder declares " + strings.Join(all, ", ")
}
