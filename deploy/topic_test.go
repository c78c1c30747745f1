package deploy

import (
	"strings"
	"testing"
	"testing/fstest"
)

func TestTopics(t *testing.T) {
	d, diags := Read(fstest.MapFS{"Config.json": {Data: []byte(`{"UserConfig":{"Namespaces":[{"Name":"test-ns","Topics":[
		{"Name":"orders","Properties":{"DefaultMessageTimeToLive":"PT1H","RequiresDuplicateDetection":false},"Subscriptions":[
			{"Name":"all"},
			{"Name":"big","Properties":{"MaxDeliveryCount":3},"Rules":[
				{"Name":"r1","Properties":{"FilterType":"Sql","SqlFilter":{"SqlExpression":"amount > 100"},"Action":{"SqlExpression":"SET big = TRUE"}}},
				{"Name":"r2","Properties":{"FilterType":"Correlation","CorrelationFilter":{"Label":"gold","Properties":{"tier":1}}}},
			]}]}]}]}}`)}}, "f", Mode{Strict: true})
	if err := diags.Err(); err != nil {
		t.Fatal(err)
	}
	topic := d.Namespaces[0].Topics[0]
	big := topic.Subscriptions[1]
	if topic.Name != "orders" || topic.Options.DefaultMessageTimeToLive.Hours() != 1 || len(topic.Subscriptions) != 2 || big.Options.MaxDeliveryCount != 3 || len(big.Rules) != 2 {
		t.Fatalf("topic = %+v", topic)
	}
	if f := big.Rules[0].Options; f.Filter.Expression != "amount > 100" || f.Action.Expression != "SET big = TRUE" {
		t.Errorf("rule r1 = %+v", f)
	}
	if c := big.Rules[1].Options.Filter.Correlation; c == nil || *c.Label != "gold" || c.Properties["tier"] != int64(1) {
		t.Errorf("rule r2 = %+v", c)
	}
	if got := d.Summary(); got != "1 namespace, 1 topic" {
		t.Errorf("summary = %q", got)
	}
}

func TestTopicMistakes(t *testing.T) {
	_, diags := Read(fstest.MapFS{"Config.json": {Data: []byte(`{"UserConfig":{"Namespaces":[{"Name":"test-ns",
		"Queues":[{"Name":"same"}],
		"Topics":[{"Name":"Same","Subscriptions":[
			{"Name":"s","Properties":{"AutoDeleteOnIdle":"PT1S"}},
			{"Name":"S","Rules":[
				{"Name":"r","Properties":{"FilterType":"Sql","SqlFilter":{"SqlExpression":"amount >"}}},
				{"Name":"q","Properties":{"FilterType":"Correlation","SqlFilter":{"SqlExpression":"1=1"}}},
				{"Name":"o1","Properties":{"FilterType":"Sql"}},
				{"Name":"o2","Properties":{"FilterType":"Sql","SqlFilter":null}},
				{"Name":"o3","Properties":{"FilterType":"Sql","SqlFilter":{}}},
				{"Name":"o4","Properties":{"SqlFilter":{"SqlExpression":""}}},
				{"Name":"o5"},
				{"Name":"p","Properties":{"Filter":{}}}]}]}]}]}}`)}}, "f", Mode{Strict: true})
	text := diags.Error()
	for _, want := range []string{
		"$.UserConfig.Namespaces[test-ns].Topics[Same].Name",
		"Subscriptions[s].Properties.AutoDeleteOnIdle", "Subscriptions[S].Name",
		"Rules[r].Properties.SqlFilter", "Rules[q].Properties.FilterType", "Rules[p].Properties.Filter",
		"Rules[o1].Properties.SqlFilter", "Rules[o2].Properties.SqlFilter", "Rules[o3].Properties.SqlFilter", "Rules[o4].Properties.SqlFilter", "Rules[o5].Properties.SqlFilter",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("diagnostics lack %s:\n%s", want, text)
		}
	}
}
