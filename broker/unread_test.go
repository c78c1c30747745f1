package broker_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"

	"switchyard/broker"
	"switchyard/broker/brokertest"
	"switchyard/clock"
	"switchyard/commit"
)

// unreadCatalogue is a store of which some records of the catalogue can't be read until
// they are written anew.
type unreadCatalogue struct {
	*brokertest.Store
	namespaces, entities map[string]bool // by name or path
	// seems changes what the damaged bytes seem to say; nil: nothing.
	seems func(r *broker.EntityRecord)
}

func (s *unreadCatalogue) Catalogue() (broker.Catalogue, error) {
	c, err := s.Store.Catalogue()
	for i, r := range c.Namespaces {
		if s.namespaces[r.Name] {
			c.Namespaces[i].Damage = errDamage
			if s.seems != nil {
				c.Namespaces[i].Name = ""
			}
		}
	}
	for i, r := range c.Entities {
		if s.entities[r.Path] {
			if c.Entities[i].Damage = errDamage; s.seems != nil {
				s.seems(&c.Entities[i])
			}
		}
	}
	return c, err
}

func (s *unreadCatalogue) PutEntity(u *commit.Unit, r broker.EntityRecord) {
	s.Store.PutEntity(u, r)
	u.Then(func() { delete(s.entities, r.Path) })
}

// catalogued has a queue q with messages, a topic t with subscriptions s1 and s2, and
// another queue.
func catalogued(t *testing.T, damaged ...string) *unreadCatalogue {
	t.Helper()
	store := brokertest.NewStore()
	b := newBroker(t, store, "q", "other")
	ctx := context.Background()
	if _, err := b.PutTopic(ctx, "ns", "t", broker.TopicOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"s1", "s2"} {
		if _, err := b.PutSubscription(ctx, "ns", "t", name, broker.SubscriptionOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	send(t, b, queue(t, b, "q"), messages(3, 8)...)
	send(t, b, queue(t, b, "other"), messages(2, 8)...)
	b.Close()
	s := &unreadCatalogue{Store: store, entities: map[string]bool{}, namespaces: map[string]bool{}}
	for _, path := range damaged {
		s.entities[path] = true
	}
	return s
}

func reopen(t *testing.T, s *unreadCatalogue, accept bool) (*broker.Broker, *bytes.Buffer, error) {
	t.Helper()
	log := &bytes.Buffer{}
	b, err := broker.New(broker.Options{Store: s, Log: s, Clock: clock.Wall{}, Rand: rand.Reader,
		Logger: slog.New(slog.NewTextHandler(log, nil)), AcceptDataLoss: accept})
	if err == nil {
		b.Start(context.Background())
		t.Cleanup(b.Close)
	}
	return b, log, err
}

func mustReopen(t *testing.T, s *unreadCatalogue) *broker.Broker {
	t.Helper()
	b, _, err := reopen(t, s, false)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func sendOne(b *broker.Broker, path string) error {
	sender, err := b.Sender("ns", path)
	if err == nil {
		var u *commit.Unit
		if u, err = sender.Send(messages(1, 8), nil); err == nil {
			b.Sync(u)
		}
	}
	return err
}

// TestUnreadQueue: a queue whose record can't be read is there, closed, and whole after it
// was put again and the next start.
func TestUnreadQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := catalogued(t, "q")
		b := mustReopen(t, s)
		if err := sendOne(b, "other"); err != nil {
			t.Errorf("send to the other queue: %v", err)
		}
		err := sendOne(b, "q")
		if !errors.Is(err, broker.ErrDamaged) || !errors.Is(err, commit.ErrUnread) || !strings.Contains(err.Error(), "put it again") {
			t.Errorf("send to the damaged queue: %v, want damage with the way out, for which a run's end waits", err)
		}
		if got := b.Damage(); len(got) != 1 || !strings.Contains(got[0], `queue "q" of namespace "ns"`) {
			t.Errorf("known damage: %q", got)
		}
		if _, err := b.PutQueue(t.Context(), "ns", "q", broker.QueueOptions{}); err != nil {
			t.Fatal(err)
		}
		b.Close()
		b = mustReopen(t, s)
		infos, err := b.Queues("ns")
		if err != nil || len(infos) != 2 || infos[1].Path != "q" || infos[1].Counts.Active != 3 || len(b.Damage()) > 0 {
			t.Errorf("after it was put again: %+v, %v, damage %q, want its 3 messages", infos, err, b.Damage())
		}
	})
}

// TestUnreadTopic: nothing is sent to a topic whose record, or that of a subscription,
// can't be read, until it is put again.
func TestUnreadTopic(t *testing.T) {
	for _, damaged := range []string{"t", "t/Subscriptions/s1"} {
		synctest.Test(t, func(t *testing.T) {
			s := catalogued(t, damaged)
			b := mustReopen(t, s)
			if err := sendOne(b, "t"); !errors.Is(err, broker.ErrDamaged) || !strings.Contains(err.Error(), "put it again") {
				t.Errorf("%s is damaged: send: %v, want damage with the way out", damaged, err)
			}
			if got := b.Damage(); len(got) != 1 || !strings.Contains(got[0], `"`+damaged+`" of namespace "ns"`) {
				t.Errorf("%s is damaged: known damage: %q", damaged, got)
			}
			var err error
			if damaged == "t" {
				_, err = b.PutTopic(t.Context(), "ns", "t", broker.TopicOptions{})
			} else {
				_, err = b.PutSubscription(t.Context(), "ns", "t", "s1", broker.SubscriptionOptions{})
			}
			if err != nil {
				t.Fatal(err)
			}
			b.Close()
			if b = mustReopen(t, s); len(b.Damage()) > 0 {
				t.Errorf("after it was put again: %q", b.Damage())
			}
			if err := sendOne(b, "t"); err != nil {
				t.Errorf("%s was put again: send: %v", damaged, err)
			}
		})
	}
}

// TestUnknownEntities: what is so damaged that nobody knows what it is stops the start by
// name; who accepts the loss goes on without it and without what is in it.
func TestUnknownEntities(t *testing.T) {
	garbage := func(r *broker.EntityRecord) { r.Definition = []byte(`{"versi`) }
	for name, c := range map[string]struct {
		entities, namespaces []string
		seems                func(r *broker.EntityRecord)
		named, left          string
	}{
		"definition": {[]string{"q"}, nil, garbage, `queue or topic 1, perhaps "q"`, "other t 2"},
		"path":       {[]string{"q"}, nil, func(r *broker.EntityRecord) { r.Path = "//" }, `queue or topic 1, perhaps "//"`, "other t 2"},
		"twice":      {[]string{"q"}, nil, func(r *broker.EntityRecord) { r.Namespace = 77 }, `queue or topic 1`, "other t 2"},
		"topic":      {[]string{"t"}, nil, garbage, `perhaps "t/Subscriptions/s1"`, "other q "},
		"namespace":  {nil, []string{"ns"}, garbage, `namespace 1`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := catalogued(t, c.entities...)
			s.seems = c.seems
			for _, n := range c.namespaces {
				s.namespaces[n] = true
			}
			_, _, err := reopen(t, s, false)
			if !errors.Is(err, broker.ErrDamaged) || !strings.Contains(err.Error(), c.named) || !strings.Contains(err.Error(), "--accept-data-loss") {
				t.Fatalf("New: %v, want damage of %s with the way out", err, c.named)
			}
			b, log, err := reopen(t, s, true)
			if err != nil || !strings.Contains(log.String(), "deleted with its messages") {
				t.Fatalf("New that accepts the loss: %v, log %s", err, log)
			}
			b.Close()
			s.entities, s.namespaces = nil, nil
			b = mustReopen(t, s)
			got := ""
			if len(b.Namespaces()) > 0 {
				queues, _ := b.Queues("ns")
				topics, _ := b.Topics("ns")
				for _, q := range queues {
					got += q.Path + " "
				}
				for _, x := range topics {
					got += x.Path + " " + string(rune('0'+x.SubscriptionCount))
				}
			}
			if got != c.left {
				t.Errorf("what is left: %q, want %q", got, c.left)
			}
		})
	}
}

// TestReleaseOfNothing: giving back the messages of a run that holds none is no error.
func TestReleaseOfNothing(t *testing.T) {
	s := catalogued(t)
	b := mustReopen(t, s)
	if err := commit.Do(t.Context(), s, commit.Frees, b.ReleaseRun("nobody")); err != nil {
		t.Error(err)
	}
}
