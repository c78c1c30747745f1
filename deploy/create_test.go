package deploy

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"strings"
	"testing"

	"switchyard/broker"
	"switchyard/broker/brokertest"
	"switchyard/clock"
)

// TestCreateEntities: what a folder declares is created, and what is there brought
// up to it; rules that it does not declare go.
func TestCreateEntities(t *testing.T) {
	read := func(rules string) *Deployment {
		t.Helper()
		d, diags := Read(folder(map[string]string{"Config.json": `{"UserConfig":{"Namespaces":[{"Name":"test-ns",
			"Queues":[{"Name":"q","Properties":{"MaxDeliveryCount":3}}],
			"Topics":[{"Name":"t","Subscriptions":[{"Name":"plain"},{"Name":"ruled","Rules":[` + rules + `]}]}]}]}}`}), "dir", Mode{Strict: true})
		if err := diags.Err(); err != nil {
			t.Fatal(err)
		}
		return d
	}
	rule := func(name string) string {
		return `{"Name":"` + name + `","Properties":{"FilterType":"Sql","SqlFilter":{"SqlExpression":"x = 1"}}}`
	}
	store := brokertest.NewStore()
	b, err := broker.New(broker.Options{Store: store, Log: store, Clock: clock.Wall{}, Rand: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	b.Start(context.Background())
	defer b.Close()
	d := read(rule("one") + "," + rule("two"))
	if err := d.CreateEntities(t.Context(), b); !errors.Is(err, broker.ErrNamespaceNotFound) ||
		!strings.HasPrefix(err.Error(), "queue q of namespace test-ns: ") {
		t.Errorf("without its namespace: %v", err)
	}
	if err := b.PutNamespace(t.Context(), "test-ns", broker.NamespaceOptions{}); err != nil {
		t.Fatal(err)
	}
	rulesOf := func(subscription string) (names []string) {
		t.Helper()
		rules, err := b.Rules("test-ns", "t", subscription)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rules {
			names = append(names, r.Name)
		}
		slices.Sort(names)
		return names
	}
	for _, c := range []struct {
		d    *Deployment
		want []string
	}{
		{d, []string{"one", "two"}},
		{d, []string{"one", "two"}},
		{read(rule("Two") + "," + rule("three")), []string{"three", "two"}},
		{read(""), []string{"three", "two"}}, // declares none: what is there stays
	} {
		if err := c.d.CreateEntities(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		if got := rulesOf("ruled"); !slices.Equal(got, c.want) {
			t.Errorf("rules: %q, want %q", got, c.want)
		}
		if got := rulesOf("plain"); !slices.Equal(got, []string{"$Default"}) {
			t.Errorf("rules of a subscription without any: %q, want $Default", got)
		}
	}
	q, err := b.Queue("test-ns", "q")
	if err != nil {
		t.Fatal(err)
	}
	if info, err := q.Info(); err != nil || info.Options.MaxDeliveryCount != 3 {
		t.Errorf("queue: %+v, %v, want MaxDeliveryCount 3", info, err)
	}
}
