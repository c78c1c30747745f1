package provider

import (
	"encoding/json"
	"reflect"
	"testing"
)

// activities are a pipeline's as programs write them, and as Resource Manager does.
const flatActivities = `[
 {"name":"Loop","type":"ForEach","dependsOn":[],"items":{"type":"Expression","value":"@x"},"isSequential":true,"activities":[
   {"name":"Choose","type":"Switch","on":{"type":"Expression","value":"@y"},
    "cases":[{"value":"a","activities":[{"name":"Wait","type":"Wait","waitTimeInSeconds":1}]},{"value":"b","activities":[]}],
    "defaultActivities":[{"name":"Ask","type":"WebActivity","method":"GET","url":"https://x","policy":{"retry":1}}]},
   {"name":"If","type":"IfCondition","expression":{"type":"Expression","value":"@z"},
    "ifTrueActivities":[{"name":"Send","type":"ServiceBusSend","typeProperties":{"queueName":"q","body":{"activities":[1]}}}],
    "ifFalseActivities":[{"name":"Fail","type":"Fail","message":"m","errorCode":"1","userProperties":[]}]},
   {"name":"Until","type":"Until","timeout":"0.00:10:00","activities":[{"name":"Set","type":"SetVariable","variableName":"v","value":1}]}]},
 {"name":"Copy","type":"Copy","inputs":[{"referenceName":"a","type":"DatasetReference"}],"outputs":[],"source":{"type":"JsonSource"},"sink":{"type":"JsonSink"},"state":"Inactive","onInactiveMarkAs":"Skipped"}]`

const nestedActivities = `[
 {"name":"Loop","type":"ForEach","dependsOn":[],"typeProperties":{"items":{"type":"Expression","value":"@x"},"isSequential":true,"activities":[
   {"name":"Choose","type":"Switch","typeProperties":{"on":{"type":"Expression","value":"@y"},
    "cases":[{"value":"a","activities":[{"name":"Wait","type":"Wait","typeProperties":{"waitTimeInSeconds":1}}]},{"value":"b","activities":[]}],
    "defaultActivities":[{"name":"Ask","type":"WebActivity","policy":{"retry":1},"typeProperties":{"method":"GET","url":"https://x"}}]}},
   {"name":"If","type":"IfCondition","typeProperties":{"expression":{"type":"Expression","value":"@z"},
    "ifTrueActivities":[{"name":"Send","type":"ServiceBusSend","typeProperties":{"queueName":"q","body":{"activities":[1]}}}],
    "ifFalseActivities":[{"name":"Fail","type":"Fail","userProperties":[],"typeProperties":{"message":"m","errorCode":"1"}}]}},
   {"name":"Until","type":"Until","typeProperties":{"timeout":"0.00:10:00","activities":[{"name":"Set","type":"SetVariable","typeProperties":{"variableName":"v","value":1}}]}}]}},
 {"name":"Copy","type":"Copy","inputs":[{"referenceName":"a","type":"DatasetReference"}],"outputs":[],"state":"Inactive","onInactiveMarkAs":"Skipped","typeProperties":{"source":{"type":"JsonSource"},"sink":{"type":"JsonSink"}}}]`

func decode(t *testing.T, s string) any {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(s), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestActivitiesNestAndFlatten(t *testing.T) {
	flat, nested := decode(t, flatActivities), decode(t, nestedActivities)
	got, err := pipelineShape.each(flat, "activities", pipelineShape.nest)
	if err != nil || !reflect.DeepEqual(got, nested) {
		t.Errorf("nested = %s, %v\nwant     %s", asJSON(t, got), err, asJSON(t, nested))
	}
	back, err := pipelineShape.each(nested, "activities", pipelineShape.flatten)
	if err != nil || !reflect.DeepEqual(back, flat) {
		t.Errorf("flat = %s, %v\nwant   %s", asJSON(t, back), err, asJSON(t, flat))
	}
}

func TestPropertiesNestAndFlatten(t *testing.T) {
	for _, tt := range []struct {
		name         string
		shape        *shape
		flat, nested string
	}{
		{"a type whose typeProperties the vendor's package keeps", linkedServiceShape,
			`{"type":"Web","description":"d","typeProperties":{"url":"https://x","authenticationType":"Anonymous"}}`,
			`{"type":"Web","description":"d","typeProperties":{"url":"https://x","authenticationType":"Anonymous"}}`},
		{"tumbling window", triggerShape,
			`{"type":"TumblingWindowTrigger","pipeline":{"pipelineReference":{}},"frequency":"Hour","interval":1,"dependsOn":[{"type":"x"}]}`,
			`{"type":"TumblingWindowTrigger","pipeline":{"pipelineReference":{}},"typeProperties":{"frequency":"Hour","interval":1,"dependsOn":[{"type":"x"}]}}`},
		{"service bus trigger", triggerShape,
			`{"type":"ServiceBusTrigger","runtimeState":"Started","typeProperties":{"queueName":"q"},"pipelines":[]}`,
			`{"type":"ServiceBusTrigger","runtimeState":"Started","typeProperties":{"queueName":"q"},"pipelines":[]}`},
		{"managed runtime", integrationRuntimeShape,
			`{"type":"Managed","managedVirtualNetwork":{"referenceName":"default"},"computeProperties":{"location":"x"}}`,
			`{"type":"Managed","managedVirtualNetwork":{"referenceName":"default"},"typeProperties":{"computeProperties":{"location":"x"}}}`},
		{"data flow", dataFlowShape, `{"type":"MappingDataFlow","folder":{"name":"f"},"scriptLines":["a"]}`,
			`{"type":"MappingDataFlow","folder":{"name":"f"},"typeProperties":{"scriptLines":["a"]}}`},
		{"credential", credentialShape, `{"type":"ManagedIdentity","resourceId":"/x"}`, `{"type":"ManagedIdentity","typeProperties":{"resourceId":"/x"}}`},
		{"nothing to nest", linkedServiceShape, `{"type":"X","description":"d"}`, `{"type":"X","description":"d"}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			flat, nested := decode(t, tt.flat).(map[string]any), decode(t, tt.nested).(map[string]any)
			if got, err := tt.shape.nest(flat, "p"); err != nil || !reflect.DeepEqual(got, nested) {
				t.Errorf("nest = %s, %v; want %s", asJSON(t, got), err, tt.nested)
			}
			if got, err := tt.shape.flatten(nested, "p"); err != nil || !reflect.DeepEqual(got, flat) {
				t.Errorf("flatten = %s, %v; want %s", asJSON(t, got), err, tt.flat)
			}
		})
	}
}

func TestIDs(t *testing.T) {
	for _, k := range kinds {
		params := map[string]string{}
		for _, p := range k.params {
			params[p] = "a-" + p
		}
		if k.isParam("scope") {
			params["scope"] = "/subscriptions/s/resourceGroups/g/providers/P/t/n"
		}
		id, err := k.id("sub", params)
		if err != nil {
			t.Errorf("%s: %v", k.token, err)
			continue
		}
		_, back, err := k.parse(id)
		if err != nil || !reflect.DeepEqual(back, params) {
			t.Errorf("%s: %s parsed to %v, %v; want %v", k.token, id, back, err, params)
		}
	}
	queue := byToken["servicebus:Queue"]
	for _, bad := range []map[string]string{
		{"resourceGroupName": "..", "namespaceName": "n", "queueName": "q"},
		{"resourceGroupName": "a/b", "namespaceName": "n", "queueName": "q"},
		{"resourceGroupName": "g", "namespaceName": "", "queueName": "q"},
	} {
		if id, err := queue.id("s", bad); err == nil {
			t.Errorf("%v made %s; want an error", bad, id)
		}
	}
}
