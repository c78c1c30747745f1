package pipeline

import (
	"testing"

	"switchyard/value"
)

// TestFlattened: a pipeline as Azure's command line shows it is the one of the Git layout.
func TestFlattened(t *testing.T) {
	const flat = `{"activities":[
		{"additionalProperties":{"extra":1},"dependsOn":[],"name":"F","type":"ForEach","items":{"type":"Expression","value":"@range(0,2)"},"isSequential":true,"userProperties":[],
			"activities":[{"name":"I","type":"IfCondition","expression":{"type":"Expression","value":"@bool(1)"},
				"ifTrueActivities":[{"additionalProperties":null,"name":"W","type":"Wait","waitTimeInSeconds":1}],"ifFalseActivities":null}]},
		{"name":"S","type":"Switch","dependsOn":[{"activity":"F","dependencyConditions":["Succeeded"]}],"on":"x","policy":null,
			"cases":[{"value":"x","activities":[{"name":"E","type":"Fail","message":"m","errorCode":"1"}]}],"defaultActivities":[{"name":"G","type":"Wait","typeProperties":{"waitTimeInSeconds":2}}]}],
		"additionalProperties":null,"annotations":["a"],"concurrency":2,"description":null,"etag":"e","folder":{"name":"x"},
		"id":"/subscriptions/s","name":"P","parameters":{"p":{"type":"String","defaultValue":"d"}},"resourceGroup":"rg",
		"type":"Microsoft.DataFactory/factories/pipelines","variables":null}`
	const nested = `{"properties":{"activities":[
		{"dependsOn":[],"name":"F","type":"ForEach","userProperties":[],"typeProperties":{"extra":1,"items":{"type":"Expression","value":"@range(0,2)"},"isSequential":true,
			"activities":[{"name":"I","type":"IfCondition","typeProperties":{"expression":{"type":"Expression","value":"@bool(1)"},
				"ifTrueActivities":[{"name":"W","type":"Wait","typeProperties":{"waitTimeInSeconds":1}}],"ifFalseActivities":null}}]}},
		{"name":"S","type":"Switch","dependsOn":[{"activity":"F","dependencyConditions":["Succeeded"]}],"policy":null,"typeProperties":{"on":"x",
			"cases":[{"value":"x","activities":[{"name":"E","type":"Fail","typeProperties":{"message":"m","errorCode":"1"}}]}],"defaultActivities":[{"name":"G","type":"Wait","typeProperties":{"waitTimeInSeconds":2}}]}}],
		"annotations":["a"],"concurrency":2,"description":null,"folder":{"name":"x"},"parameters":{"p":{"type":"String","defaultValue":"d"}},"variables":null},
		"etag":"e","id":"/subscriptions/s","name":"P","resourceGroup":"rg","type":"Microsoft.DataFactory/factories/pipelines"}`
	p, ds := ParsePipeline("pipeline/P.json", []byte(flat))
	if len(ds) > 0 {
		t.Fatal(ds)
	}
	want, err := value.Parse([]byte(nested))
	if err != nil {
		t.Fatal(err)
	}
	if !value.Equal(p.Raw, want) {
		t.Errorf("got  %s\nwant %s", value.Append(nil, p.Raw), value.Append(nil, want))
	}
	if again, _ := ParsePipeline("pipeline/P.json", []byte(nested)); !value.Equal(again.Raw, want) {
		t.Errorf("the form of the Git layout became %s", value.Append(nil, again.Raw))
	}
	if ds := (&Factory{Pipelines: []*Pipeline{p}}).Validate(); len(ds) > 0 || len(p.Activities) != 2 || p.Concurrency != 2 {
		t.Errorf("read as %+v, %v", p, ds)
	}
}
