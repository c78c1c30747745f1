package deploy

import (
	"context"
	"crypto/rand"
	"maps"
	"slices"
	"strings"
	"testing"

	"switchyard/broker"
	"switchyard/broker/brokertest"
	"switchyard/clock"
)

// TestCreateForwards: what an entity forwards to may stand behind it in the file, also in a
// ring. What is there already is never without it while a folder is deployed again.
func TestCreateForwards(t *testing.T) {
	d, diags := Read(folder(map[string]string{"Config.json": `{"UserConfig":{"Namespaces":[{"Name":"test-ns",
		"Queues":[
		  {"Name":"a","Properties":{"ForwardTo":"b"}}, {"Name":"b","Properties":{"ForwardTo":"sb://test-ns.servicebus.windows.net/t"}},
		  {"Name":"x","Properties":{"ForwardTo":"y","MaxDeliveryCount":3}}, {"Name":"y","Properties":{"ForwardDeadLetteredMessagesTo":"x"}}, {"Name":"z"}],
		"Topics":[{"Name":"t","Subscriptions":[{"Name":"s","Properties":{"ForwardTo":"Z"}}]}]}]}}`}), "dir", Mode{Strict: true})
	if err := diags.Err(); err != nil {
		t.Fatal(err)
	}
	if found := d.CheckBus(Existing{}); len(found) > 0 {
		t.Errorf("the folder is refused: %v", found)
	}
	store := brokertest.NewStore()
	b, err := broker.New(broker.Options{Store: store, Log: store, Clock: clock.Wall{}, Rand: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	b.Start(context.Background())
	defer b.Close()
	if err := b.PutNamespace(t.Context(), "test-ns", broker.NamespaceOptions{}); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"a": "b", "b": "sb://test-ns.servicebus.windows.net/t", "x": "y", "y": "", "z": "", "s": "Z"}
	for range 2 {
		if err := d.CreateEntities(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		got := map[string]string{}
		queues, err := b.Queues("test-ns")
		if err != nil {
			t.Fatal(err)
		}
		for _, q := range queues {
			got[q.Path] = q.Options.ForwardTo
			if q.Path == "y" && q.Options.ForwardDeadLetteredMessagesTo != "x" || q.Path == "x" && q.Options.MaxDeliveryCount != 3 {
				t.Errorf("queue %s is %+v", q.Path, q.Options)
			}
		}
		s, err := b.Subscription("test-ns", "t", "s")
		if err != nil {
			t.Fatal(err)
		}
		if got["s"] = s.Options.ForwardTo; !maps.Equal(got, want) {
			t.Errorf("forwarded: %v, want %v", got, want)
		}
	}
}

// TestForwardsRefused: what can't be forwarded to is told with its place, before anything is
// created, and so is a trigger that would get nothing.
func TestForwardsRefused(t *testing.T) {
	d, diags := Read(folder(map[string]string{"Config.json": `{"UserConfig":{"Namespaces":[{"Name":"test-ns",
		"Queues":[{"Name":"a","Properties":{"ForwardTo":"none"}}, {"Name":"b","Properties":{"ForwardTo":"a/$DeadLetterQueue"}},
		  {"Name":"c","Properties":{"ForwardTo":"t/Subscriptions/s"}}, {"Name":"d","Properties":{"ForwardTo":"there"}}, {"Name":"e","Properties":{"ForwardTo":"sb://"}}],
		"Topics":[{"Name":"t","Subscriptions":[{"Name":"s","Properties":{"ForwardDeadLetteredMessagesTo":"none"}}]}]}]}}`,
		"linkedService/Bus.json":  `{"name":"Bus","properties":{"type":"AzureServiceBus","typeProperties":{"fullyQualifiedNamespace":"test-ns.servicebus.windows.net"}}}`,
		"pipeline/P.json":         `{"name":"P","properties":{"activities":[]}}`,
		"trigger/OnForwards.json": trigger("OnForwards", "d"),
		"trigger/OnDead.json":     trigger("OnDead", "d/$DeadLetterQueue"),
		"trigger/OnDeadSub.json":  trigger("OnDeadSub", "t/Subscriptions/s/$DeadLetterQueue"),
	}), "dir", Mode{Strict: true})
	if err := diags.Err(); err != nil {
		t.Fatal(err)
	}
	found := d.CheckBus(Existing{Queue: func(_, path string) bool { return path == "there" }})
	var got []string
	for _, x := range found {
		got = append(got, x.File+" "+x.Path+": "+x.Message)
	}
	const where = "dir/Config.json $.UserConfig.Namespaces[test-ns]."
	want := []string{
		where + `Queues[a].Properties.ForwardTo: namespace test-ns has no queue or topic "none"; the folder declares a, b, c, d, e, t`,
		where + `Queues[b].Properties.ForwardTo: namespace test-ns has no queue or topic "a/$DeadLetterQueue"; the folder declares a, b, c, d, e, t`,
		where + `Queues[c].Properties.ForwardTo: namespace test-ns has no queue or topic "t/Subscriptions/s"; the folder declares a, b, c, d, e, t`,
		where + `Queues[e].Properties.ForwardTo: namespace test-ns has no queue or topic "sb://"; the folder declares a, b, c, d, e, t`,
		where + `Topics[t].Subscriptions[s].Properties.ForwardDeadLetteredMessagesTo: namespace test-ns has no queue or topic "none"; the folder declares a, b, c, d, e, t`,
		`dir/trigger/OnDeadSub.json $.properties.typeProperties.queueName: "t/Subscriptions/s/$DeadLetterQueue" gives nothing to a trigger: its messages go on to none`,
		`dir/trigger/OnForwards.json $.properties.typeProperties.queueName: "d" gives nothing to a trigger: its messages go on to there`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func trigger(name, queue string) string {
	return `{"name":"` + name + `","properties":{"type":"ServiceBusTrigger","runtimeState":"Started","typeProperties":{"queueName":"` + queue + `",
	  "linkedServiceName":{"referenceName":"Bus","type":"LinkedServiceReference"}},"pipelines":[{"pipelineReference":{"referenceName":"P","type":"PipelineReference"}}]}}`
}
