package pipeline

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// activityFile wraps activities in a pipeline that declares a little of
// everything.
func activityFile(activities string) string {
	return `{"name":"P","properties":{"parameters":{"p":{"type":"string"},"q":{"type":"Int","defaultValue":3},"customer":{"type":"String","defaultValue":""}},
		"variables":{"s":{"type":"String"},"total":{"type":"String"},"a":{"type":"Array"},"b":{"type":"bool","defaultValue":"True"}},
		"activities":[` + activities + `]}}`
}

func mustPipeline(t *testing.T, data string) *Pipeline {
	t.Helper()
	p, ds := ParsePipeline("pipeline/P.json", []byte(data))
	if len(ds) > 0 {
		t.Fatalf("ParsePipeline: %v", ds)
	}
	return p
}

// TestDiagnostics gives one activity list per case and names everything that
// reading and validating must find, as "path: message". A trailing * in want
// cuts the message; "warning " in front marks a warning.
func TestDiagnostics(t *testing.T) {
	const a = "$.properties.activities"
	for _, tt := range []struct {
		name, activities string
		want             []string
	}{
		{"nothing wrong", `{"name":"W","type":"Wait","typeProperties":{"waitTimeInSeconds":1}}`, nil},
		{"several at once", `{"name":"","type":"Wait"},{"type":"Wait","typeProperties":[]},3`, []string{
			a + "[0].name: is empty", a + "[0].typeProperties.waitTimeInSeconds: is missing", a + "[1].name: is missing",
			a + "[1].typeProperties.waitTimeInSeconds: is missing", a + "[1].typeProperties: is an array, want an object",
			a + "[2]: is an integer, want an object"}},
		{"bad name", `{"name":"a.b","type":"Wait","typeProperties":{"waitTimeInSeconds":1}}`, []string{a + `[0].name: activity name "a.b" must not contain '.'`}},
		{"long name", `{"name":"` + strings.Repeat("x", 56) + `","type":"Wait","typeProperties":{"waitTimeInSeconds":1}}`, []string{a + "[0].name: activity name of 56 characters, at most 55 are allowed"}},
		{"unknown type", `{"name":"X","type":"Teleport"}`, []string{a + `[0].type: activity type "Teleport" is not known`}},
		{"misspelt type", `{"name":"X","type":"Weit"}`, []string{a + `[0].type: activity type "Weit" is not known; did you mean "Wait"?`}},
		{"unsupported type", `{"name":"X","type":"copy","typeProperties":{"source":{},"sink":{}}}`, []string{"warning " + a + `[0].type: activities of type "copy" are not supported`}},
		{"duplicate names, nested and in another case", `{"name":"A","type":"Wait","typeProperties":{"waitTimeInSeconds":1}},
			{"name":"I","type":"IfCondition","typeProperties":{"expression":"@bool(1)","ifFalseActivities":[{"name":"a","type":"Wait","typeProperties":{"waitTimeInSeconds":1}}]}}`,
			[]string{a + `[1].typeProperties.ifFalseActivities[0].name: activity name "a" is used at ` + a + `[0] already`}},
		{"dependencies", `{"name":"A","type":"Wait","dependsOn":[{"activity":"Z"},{"activity":"A"},{"activity":"In","dependencyConditions":["Sometimes"]}],"typeProperties":{"waitTimeInSeconds":1}},
			{"name":"I","type":"IfCondition","typeProperties":{"expression":"@bool(1)","ifFalseActivities":[{"name":"In","type":"Wait","typeProperties":{"waitTimeInSeconds":1}}]}}`,
			[]string{a + `[0].dependsOn[0].activity: activity "Z" does not exist`, a + `[0].dependsOn[1].activity: activity "A" depends on itself`,
				a + `[0].dependsOn[2].activity: activity "In" stands in another scope*`, a + "[0].dependsOn[2].dependencyConditions[0]: is none of*"}},
		{"cycle", `{"name":"A","type":"Wait","dependsOn":[{"activity":"B"}],"typeProperties":{"waitTimeInSeconds":1}},
			{"name":"B","type":"Wait","dependsOn":[{"activity":"A"}],"typeProperties":{"waitTimeInSeconds":1}}`,
			[]string{a + `[1].dependsOn: the dependency on "A" closes a cycle`}},
		{"completion beside success", `{"name":"A","type":"Wait","typeProperties":{"waitTimeInSeconds":1}},
			{"name":"B","type":"Wait","dependsOn":[{"activity":"A","dependencyConditions":["Completed","Succeeded"]}],"typeProperties":{"waitTimeInSeconds":1}}`,
			[]string{"warning " + a + `[1].dependsOn[0].activity: an upon-completion*`}},
		{"nesting", `{"name":"F","type":"ForEach","typeProperties":{"items":"@createArray(1)","activities":[
				{"name":"U","type":"Until","typeProperties":{"expression":"@bool(1)","activities":[]}},
				{"name":"I","type":"IfCondition","typeProperties":{"expression":"@bool(1)","ifTrueActivities":[
					{"name":"S","type":"Switch","typeProperties":{"on":"x"}}]}},
				{"name":"V","type":"Validation","typeProperties":{"dataset":{"referenceName":"d","type":"DatasetReference"}}}]}}`,
			[]string{a + `[0].typeProperties.activities[0].type: a Until activity must not stand in the ForEach activity "F"; call a pipeline instead`,
				a + `[0].typeProperties.activities[1].typeProperties.ifTrueActivities[0].type: a Switch activity must not stand in the IfCondition activity "I"`,
				a + `[0].typeProperties.activities[2].type: a Validation activity must not stand in a container`,
				a + `[0].typeProperties.activities[2].typeProperties.dataset: dataset "d" does not exist`,
				"warning " + a + `[0].typeProperties.activities[2].type: activities of type "Validation" are not supported`}},
		{"for each properties", `{"name":"F","type":"ForEach","typeProperties":{"items":"@createArray(1)","isSequential":"maybe","batchCount":51,"activities":[]}}`,
			[]string{a + "[0].typeProperties.batchCount: is 51, want 1 to 50", a + "[0].typeProperties.isSequential: is text, want a boolean"}},
		{"item outside", `{"name":"W","type":"Wait","typeProperties":{"waitTimeInSeconds":"@item()"}}`, []string{a + "[0].typeProperties.waitTimeInSeconds: item() is used outside a ForEach and a Filter's condition"}},
		{"item in a filter", `{"name":"L","type":"Filter","typeProperties":{"items":"@item()","condition":"@equals(item(),1)"}}`, []string{a + "[0].typeProperties.items: item() is used*"}},
		{"item in a loop's choice", `{"name":"F","type":"ForEach","typeProperties":{"items":"@createArray(1)","activities":[
				{"name":"I","type":"IfCondition","typeProperties":{"expression":"@bool(item())","ifTrueActivities":[{"name":"W","type":"Wait","typeProperties":{"waitTimeInSeconds":"@item()"}}]}}]}}`, nil},
		{"activity references", `{"name":"A","type":"Wait","typeProperties":{"waitTimeInSeconds":1}},
			{"name":"B","type":"Wait","dependsOn":[{"activity":"A"}],"typeProperties":{"waitTimeInSeconds":1}},
			{"name":"C","type":"Fail","dependsOn":[{"activity":"B"}],"typeProperties":{"message":"@{activity('a').status} @{activity('D').status}","errorCode":"@string(activity('Z'))"}},
			{"name":"D","type":"Wait","typeProperties":{"waitTimeInSeconds":1}}`,
			[]string{a + `[2].typeProperties.errorCode: activity "Z" does not exist`, a + `[2].typeProperties.message: activity "D" is not upstream of this activity; what reads it has to depend on it (dependsOn), directly or through others`}},
		{"activity references across containers", `{"name":"A","type":"Wait","typeProperties":{"waitTimeInSeconds":1}},
			{"name":"I","type":"IfCondition","dependsOn":[{"activity":"A"}],"typeProperties":{"expression":"@bool(1)",
				"ifTrueActivities":[{"name":"X","type":"Wait","typeProperties":{"waitTimeInSeconds":"@length(string(activity('A')))"}}],
				"ifFalseActivities":[{"name":"Y","type":"Fail","typeProperties":{"message":"@string(activity('X'))","errorCode":"@string(activity('I'))"}}]}},
			{"name":"U","type":"Until","dependsOn":[{"activity":"A"}],"typeProperties":{"expression":"@bool(1)","activities":[{"name":"V","type":"Wait","typeProperties":{"waitTimeInSeconds":1}}]}},
			{"name":"B","type":"Fail","dependsOn":[{"activity":"I"},{"activity":"U"}],"typeProperties":{"message":"@{activity('x').status}@{activity('V').status}","errorCode":"@{activity('A')}"}}`,
			[]string{a + `[1].typeProperties.ifFalseActivities[0].typeProperties.errorCode: activity "I" is not upstream*`,
				a + `[1].typeProperties.ifFalseActivities[0].typeProperties.message: activity "X" is not upstream*`,
				a + `[3].typeProperties.message: activity "x" stands in the IfCondition activity "I" and can be read only there`}},
		{"misspelt names", `{"name":"LoadAll","type":"Wait","typeProperties":{"waitTimeInSeconds":1}},
			{"name":"B","type":"Fail","dependsOn":[{"activity":"LoadAl"}],"typeProperties":{"message":"@{activity('LoadAII').status}@{pipeline().parameters.customre}","errorCode":"@variables('Totl')"}},
			{"name":"C","type":"SetVariable","typeProperties":{"variableName":"totall","value":1}}`,
			[]string{a + `[1].dependsOn[0].activity: activity "LoadAl" does not exist; did you mean "LoadAll"?`,
				a + `[1].typeProperties.errorCode: variable "Totl" is not declared; did you mean "total"?`,
				a + `[1].typeProperties.message: activity "LoadAII" does not exist; did you mean "LoadAll"?`,
				a + `[1].typeProperties.message: parameter "customre" is not declared; did you mean "customer"?`,
				a + `[2].typeProperties.variableName: variable "totall" is not declared; did you mean "total"?`}},
		{"a variable that iterations share", `{"name":"F","type":"ForEach","typeProperties":{"items":"@createArray(1)","activities":[
				{"name":"S","type":"SetVariable","typeProperties":{"variableName":"s","value":"@item()"}}]}}`,
			[]string{"warning " + a + `[0].typeProperties.activities[0].typeProperties.variableName: iterations of the ForEach activity "F" run at the same time*`}},
		{"until sees its body", `{"name":"U","type":"Until","typeProperties":{"expression":"@equals(activity('W').status,'Succeeded')","timeout":"@string(activity('W'))","activities":[{"name":"W","type":"Wait","typeProperties":{"waitTimeInSeconds":1}}]}}`,
			[]string{a + `[0].typeProperties.timeout: activity "W" stands in the Until activity "U" and can be read only there`}},
		{"functions", `{"name":"C","type":"Fail","typeProperties":{"message":"@frobnicate(1)","errorCode":"@concat("}},{"name":"D","type":"Fail","typeProperties":{"message":"@trigger().x","errorCode":"@guid(1,2,3)"}}`,
			[]string{a + "[0].typeProperties.errorCode: *", a + `[0].typeProperties.message: function "frobnicate" is not known`,
				a + `[1].typeProperties.errorCode: function "guid" has 3 arguments, want at most 1`, a + "[1].typeProperties.message: trigger() is not available in a pipeline"}},
		{"an expression of 1 MB", `{"name":"C","type":"Fail","typeProperties":{"message":"@concat('` + strings.Repeat("x", 1<<20) + `')","errorCode":"1"}}`,
			[]string{a + "[0].typeProperties.message: The expression is longer than the limit of 8192 characters.", "$: the definition has 1048949 bytes, at most 204800 are allowed"}},
		{"parameters and variables", `{"name":"C","type":"Fail","typeProperties":{"message":"@{pipeline().parameters.P}@{pipeline().parameters.x}@{variables('nope')}","errorCode":"@{pipeline().globalParameters.g}@{pipeline().Weather}"}}`,
			[]string{a + `[0].typeProperties.errorCode: global parameter "g" does not exist`, a + `[0].typeProperties.errorCode: pipeline() has no member "Weather"`,
				a + `[0].typeProperties.message: parameter "x" is not declared`, a + `[0].typeProperties.message: variable "nope" is not declared`}},
		{"assignments", `{"name":"A","type":"SetVariable","typeProperties":{"variableName":"s","value":"@concat(variables('S'),'x')"}},
			{"name":"B","type":"SetVariable","typeProperties":{"variableName":"zz","value":1}},
			{"name":"C","type":"AppendVariable","typeProperties":{"variableName":"s","value":1}},
			{"name":"D","type":"SetVariable","typeProperties":{"variableName":"x","setSystemVariable":true,"value":[]}}`,
			[]string{a + `[0].typeProperties.value: uses the variable "s" that it sets`, a + `[1].typeProperties.variableName: variable "zz" is not declared`,
				a + `[2].typeProperties.variableName: variable "s" is of type String; only an Array can be appended to`,
				a + `[3].typeProperties.variableName: is "x"; the only system variable is pipelineReturnValue`}},
		{"execute pipeline", `{"name":"A","type":"ExecutePipeline","typeProperties":{"pipeline":{"referenceName":"Child","type":"PipelineReference"},"parameters":{"y":1},"waitOnCompletion":true}},
			{"name":"B","type":"ExecutePipeline","typeProperties":{"pipeline":{"referenceName":"Nobody","type":"PipelineReference"}}},
			{"name":"C","type":"ExecutePipeline","typeProperties":{"pipeline":{"referenceName":"p","type":"PipelineReference"},"waitOnCompletion":true}},
			{"name":"D","type":"ExecutePipeline","typeProperties":{"pipeline":{"referenceName":"p","type":"PipelineReference"},"waitOnCompletion":false}}`,
			[]string{a + `[0].typeProperties.parameters: parameter "x" has no value and no default`, a + `[1].typeProperties.pipeline: pipeline "Nobody" does not exist`,
				a + `[2].typeProperties.pipeline: pipeline "P" calls itself and waits: P runs P`,
				a + `[3].typeProperties.parameters: parameter "p" has no value and no default`,
				"warning " + a + `[0].typeProperties.parameters.y: is an argument for a parameter that is not declared`,
				"warning " + a + `[1].typeProperties.waitOnCompletion: is absent*`}},
		{"policy", `{"name":"A","type":"WebActivity","policy":{"timeout":"8.00:00:00","retry":-1,"retryIntervalInSeconds":90000,"onRestart":"never"},"typeProperties":{"method":"GET","url":"u"}},
			{"name":"B","type":"Wait","policy":{"retry":2},"typeProperties":{"waitTimeInSeconds":1}},
			{"name":"C","type":"WebActivity","policy":{"timeout":"@pipeline().parameters.p","retry":"@pipeline().parameters.q"},"typeProperties":{"method":"GET","url":"u"}}`,
			[]string{a + `[0].policy.onRestart: "never" is neither restart nor fail`, a + "[0].policy.retry: retry is -1, want an integer of 0 or more", a + "[0].policy.retryIntervalInSeconds: is 90000, want 0 to 86400",
				a + "[0].policy.timeout: is 8.00:00:00, want more than 0 and at most 7.00:00:00", "warning " + a + "[1].policy: Wait activities have neither*"}},
		{"inactive is not validated", `{"name":"A","type":"Copy","state":"Inactive","onInactiveMarkAs":"Failed","typeProperties":{"x":"@nonsense("}}`, nil},
		{"inactive states", `{"name":"A","type":"Fail","state":"Asleep","onInactiveMarkAs":"Fine"}`, []string{a + `[0].onInactiveMarkAs: "Fine" is none of*`, a + `[0].state: "Asleep" is neither*`}},
		{"switch cases", `{"name":"A","type":"Switch","typeProperties":{"on":"x","cases":[` + cases(26) + `]}}`,
			[]string{a + "[0].typeProperties.cases: 26 cases, at most 25 are allowed"}},
		{"send", `{"name":"S","type":"ServiceBusSend","linkedServiceName":{"referenceName":"Bus","type":"LinkedServiceReference"},
			"typeProperties":{"queueName":"q","body":{"a":"@pipeline().RunId"},"timeToLive":"00:01:00","applicationProperties":{"n":1,"e":{"value":"@utcNow()","type":"Expression"}},
			"settle":[{"sequenceNumber":"@pipeline().parameters.q","outcome":"DeadLetter","reason":"r"}]}}`, nil},
		{"send, everything wrong", `{"name":"S","type":"ServiceBusSend","typeProperties":{"queueName":3,"label":"x","contentType":[],"applicationProperties":{"n":[]},"timeToLive":"soon",
			"settle":{"sequenceNumber":"x","outcome":"complete","reason":"r","extra":1}}}`,
			[]string{a + "[0].linkedServiceName: is missing", a + "[0].typeProperties.applicationProperties.n: is an array, want*", a + "[0].typeProperties.body: is missing",
				a + "[0].typeProperties.contentType: is an array, want text or an expression", a + "[0].typeProperties.label: is not a property of this type",
				a + "[0].typeProperties.queueName: is an integer, want text or an expression", a + "[0].typeProperties.settle.extra: is not a property of this type",
				a + `[0].typeProperties.settle.outcome: "complete" is none of*`, a + "[0].typeProperties.settle.sequenceNumber: is text, want an integer or an expression",
				a + `[0].typeProperties.timeToLive: "soon" is no timespan*`}},
		{"send to something else", `{"name":"S","type":"ServiceBusSend","linkedServiceName":{"referenceName":"Http","type":"LinkedServiceReference"},"typeProperties":{"queueName":"q","body":1}}`,
			[]string{a + `[0].linkedServiceName: linked service "Http" is of type "HttpServer", want "AzureServiceBus"`}},
		{"settle", `{"name":"S","type":"ServiceBusSettle","typeProperties":{"sequenceNumber":"@pipeline().parameters.q","outcome":"Abandon","propertiesToModify":{"x":1}}},
			{"name":"T","type":"ServiceBusSettle","typeProperties":{"sequenceNumber":0,"lockToken":"t","outcome":"Complete","reason":"r","propertiesToModify":{}}},
			{"name":"U","type":"ServiceBusSettle","typeProperties":{"outcome":"@string('Complete')"}}`,
			[]string{a + "[1].typeProperties.lockToken: stands beside sequenceNumber; give one of the two", a + "[1].typeProperties.propertiesToModify: has no meaning for the outcome Complete",
				a + "[1].typeProperties.reason: belongs to the outcome DeadLetter, the outcome is Complete", a + "[1].typeProperties.sequenceNumber: is 0, want at least 1",
				a + "[2].typeProperties.sequenceNumber: is missing, and so is lockToken"}},
		{"missing linked service", `{"name":"S","type":"WebActivity","linkedServiceName":{"referenceName":"Gone","type":"LinkedServiceReference"},"typeProperties":{"method":"GET","url":"u"}}`,
			[]string{a + `[0].linkedServiceName: linked service "Gone" does not exist`}},
		{"dataset parameters", `{"name":"S","type":"Lookup","typeProperties":{"source":{},"dataset":{"referenceName":"ds","type":"DatasetReference","parameters":{"nope":1}}}}`,
			[]string{a + `[0].typeProperties.dataset.parameters: parameter "path" has no value and no default`, "warning " + a + `[0].type: activities of type "Lookup" are not supported`,
				"warning " + a + `[0].typeProperties.dataset.parameters.nope: is an argument for a parameter that is not declared`}},
		{"return value", `{"name":"R","type":"SetVariable","typeProperties":{"variableName":"pipelineReturnValue","setSystemVariable":true,"value":[
				{"key":"a","value":{"type":"String","content":"@literal("}},{"key":"b","value":{"type":"Expression","content":"@nope()"}}]}}`,
			[]string{a + `[0].typeProperties.value[1].value.content: function "nope" is not known`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, ds := ParsePipeline("pipeline/P.json", []byte(activityFile(tt.activities)))
			f := testFactory(t)
			f.PutPipeline(p)
			ds = append(ds, f.ValidatePipeline(p)...)
			var got []string
			for _, d := range ds {
				s := d.Path + ": " + d.Message
				if d.Severity == SeverityWarning {
					s = "warning " + s
				}
				got = append(got, s)
			}
			slices.Sort(got)
			match := func(got, want string) bool {
				prefix, cut := strings.CutSuffix(want, "*")
				return got == want || cut && strings.HasPrefix(got, prefix)
			}
			if !slices.EqualFunc(got, tt.want, match) {
				t.Errorf("activities %.2000s\n got %s\nwant %s", tt.activities, strings.Join(got, "\n     "), strings.Join(tt.want, "\n     "))
			}
		})
	}
}

func testFactory(t *testing.T) *Factory {
	t.Helper()
	f, ds := ParseFactory("factory/F.json", []byte(`{"name":"F","properties":{"globalParameters":{"env":{"type":"String","value":"dev"}}}}`))
	if len(ds) > 0 {
		t.Fatal(ds)
	}
	for _, s := range []string{
		`{"name":"Bus","properties":{"type":"AzureServiceBus","typeProperties":{"connectionString":{"type":"SecureString","value":"Endpoint=sb://x/"}}}}`,
		`{"name":"Http","properties":{"type":"HttpServer","typeProperties":{"url":"http://x"}}}`,
	} {
		l, ds := ParseLinkedService("linkedService/x.json", []byte(s))
		if len(ds) > 0 {
			t.Fatal(ds)
		}
		f.PutLinkedService(l)
	}
	d, ds := ParseDataset("dataset/ds.json", []byte(`{"name":"DS","properties":{"type":"Json","linkedServiceName":{"referenceName":"http","type":"LinkedServiceReference"},"parameters":{"path":{"type":"string"}},"typeProperties":{"p":"@dataset().path"}}}`))
	if len(ds) > 0 {
		t.Fatal(ds)
	}
	f.PutDataset(d)
	f.PutPipeline(mustPipeline(t, `{"name":"Child","properties":{"parameters":{"x":{"type":"Int"}},"activities":[]}}`))
	return f
}

func TestPipelineMembers(t *testing.T) {
	p := mustPipeline(t, `{"name":"P","extra":1,"properties":{"description":"d","concurrency":2,"annotations":["t"],"folder":{"name":"a/b"},"lastPublishTime":"x",
		"activities":[{"name":"F","type":"foreach","policy":{"secureOutput":true},"userProperties":[{"name":"u","value":"@item()"}],
			"typeProperties":{"items":{"value":"@range(0,3)","type":"Expression"},"isSequential":"true","activities":[
				{"name":"S","type":"Switch","typeProperties":{"expression":"@item()","cases":[{"value":7,"activities":[{"name":"W","type":"Wait","dependsOn":[{"activity":"X"}],"typeProperties":{"waitTimeInSeconds":1}}]}]}}]}}]}}`)
	f := p.Activities[0]
	if !f.ForEach.Sequential || f.ForEach.BatchCount != DefaultBatchCount || !f.Policy.SecureOutput || f.Policy.RetryInterval != 30*time.Second {
		t.Errorf("ForEach %+v, policy %+v: want sequential, default batch count and interval, secure output", f.ForEach, f.Policy)
	}
	sw := f.ForEach.Activities[0].Switch
	if sw.On != "@item()" || sw.Cases[0].Value != "7" {
		t.Errorf("Switch %+v, want on @item() and a case 7", sw)
	}
	w := sw.Cases[0].Activities[0]
	if want := "$.properties.activities[0].typeProperties.activities[0].typeProperties.cases[0].activities[0]"; w.Path != want {
		t.Errorf("path %s, want %s", w.Path, want)
	}
	if len(w.DependsOn[0].Conditions) != 1 || w.DependsOn[0].Conditions[0] != OnSucceeded {
		t.Errorf("conditions %v, want [Succeeded]", w.DependsOn[0].Conditions)
	}
	if p.Concurrency != 2 || p.Folder != "a/b" || p.Description != "d" || len(p.Annotations) != 1 {
		t.Errorf("pipeline %+v", p)
	}
	if v, _ := p.Raw.Get("extra"); v != int64(1) {
		t.Errorf("raw member extra is %v, want 1", v)
	}
}

func TestEncodings(t *testing.T) {
	const doc = `{"name":"Pä","properties":{"activities":[]}}`
	utf16 := func(order string) []byte {
		b := []byte{0xFF, 0xFE}
		if order == "big" {
			b = []byte{0xFE, 0xFF}
		}
		for _, r := range doc {
			if order == "big" {
				b = append(b, byte(r>>8), byte(r))
			} else {
				b = append(b, byte(r), byte(r>>8))
			}
		}
		return b
	}
	for name, data := range map[string][]byte{
		"UTF-8": []byte(doc), "UTF-8 with mark": append([]byte{0xEF, 0xBB, 0xBF}, doc...),
		"UTF-16 little": utf16("little"), "UTF-16 big": utf16("big"),
	} {
		p, ds := ParsePipeline("x.json", data)
		if len(ds) > 0 || p.Name != "Pä" {
			t.Errorf("%s: got %+v, %v; want the pipeline Pä", name, p, ds)
		}
	}
	if _, ds := ParsePipeline("x.json", []byte{0xFF, 0xFE, 1}); ds.Err() == nil {
		t.Error("odd UTF-16: no error")
	}
	_, ds := ParsePipeline("x.json", []byte("{\"name\":\"P\xE4\",\"properties\":{\"activities\":[]}}"))
	if want := "x.json: error: $: the file is neither UTF-8 nor UTF-16 with a byte-order mark"; ds.Error() != want {
		t.Errorf("Latin-1: got %q, want %q", ds.Error(), want)
	}
}

func TestTriggers(t *testing.T) {
	f := testFactory(t)
	f.PutPipeline(mustPipeline(t, `{"name":"Triage","properties":{"parameters":{"messages":{"type":"Array"}},"activities":[]}}`))
	const p = "$.properties."
	trigger := func(tp, pipelines string) string {
		return `{"name":"T","properties":{"type":"ServiceBusTrigger","runtimeState":"Started","typeProperties":` + tp + `,"pipelines":[` + pipelines + `]}}`
	}
	const bus = `"linkedServiceName":{"referenceName":"Bus","type":"LinkedServiceReference"}`
	const triage = `{"pipelineReference":{"referenceName":"Triage","type":"PipelineReference"},"parameters":{"messages":"@trigger().outputs.body.messages"}}`
	for _, tt := range []struct {
		name, file string
		want       []string
	}{
		{"defaults", trigger(`{`+bus+`,"queueName":"q"}`, triage), nil},
		{"limits", trigger(`{`+bus+`,"queueName":"","maxMessages":1001,"maxWaitTime":5,"maxConcurrentRuns":0,"retry":{"firstDelay":"00:10:00","x":1},"y":1}`, triage), []string{
			p + "typeProperties.y: is not a property of this type", p + "typeProperties.retry.x: is not a property of this type", p + "typeProperties.queueName: is empty",
			p + "typeProperties.maxMessages: is 1001, want 1 to 1000", p + "typeProperties.maxWaitTime: is an integer, want a timespan",
			p + "typeProperties.maxConcurrentRuns: is 0, want 1 to 1000", p + "typeProperties.retry.firstDelay: is 00:10:00, more than maxDelay 00:05:00"}},
		{"two pipelines", trigger(`{`+bus+`,"queueName":"q"}`, triage+","+triage), []string{p + "pipelines: names 2 pipelines, a ServiceBusTrigger starts exactly one"}},
		{"arguments", trigger(`{`+bus+`,"queueName":"q"}`, `{"pipelineReference":{"referenceName":"Triage","type":"PipelineReference"},"parameters":{"m":"@activity('x')"}}`), []string{
			p + `pipelines[0].parameters: parameter "messages" has no value and no default`, p + "pipelines[0].parameters.m: is an argument for a parameter that is not declared",
			p + "pipelines[0].parameters.m: activity() is not available in a trigger"}},
		{"missing things", trigger(`{"linkedServiceName":{"referenceName":"http","type":"LinkedServiceReference"},"queueName":"q"}`, `{"pipelineReference":{"referenceName":"Gone","type":"PipelineReference"}}`), []string{
			p + `typeProperties.linkedServiceName: linked service "http" is of type "HttpServer", want "AzureServiceBus"`, p + `pipelines[0].pipelineReference: pipeline "Gone" does not exist`}},
		{"a schedule", `{"name":"T","properties":{"type":"ScheduleTrigger","typeProperties":{"recurrence":{}},"pipelines":[]}}`, nil},
		{"a window", `{"name":"T","properties":{"type":"TumblingWindowTrigger","typeProperties":{}}}`, nil},
		{"another type", `{"name":"T","properties":{"type":"BlobEventsTrigger","typeProperties":{},"pipelines":[]}}`, []string{p + `type: triggers of type "BlobEventsTrigger" are not supported`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tr, ds := ParseTrigger("trigger/T.json", []byte(tt.file))
			ds = append(ds, f.ValidateTrigger(tr)...)
			var got []string
			for _, d := range ds {
				got = append(got, d.Path+": "+d.Message)
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("file %s\n got %s\nwant %s", tt.file, strings.Join(got, "\n     "), strings.Join(tt.want, "\n     "))
			}
		})
	}
	tr, _ := ParseTrigger("t", []byte(trigger(`{`+bus+`,"queueName":"q"}`, triage)))
	got := *tr.ServiceBus
	got.LinkedService = nil
	if want := (ServiceBusTrigger{QueueName: "q", MaxMessages: 1, MaxConcurrentRuns: 1, FirstDelay: 5 * time.Second, MaxDelay: 5 * time.Minute}); got != want || !tr.Started {
		t.Errorf("defaults: got %+v started %t, want %+v started", got, tr.Started, want)
	}
}

func TestServiceBusLinkedService(t *testing.T) {
	for _, tt := range []struct{ tp, want string }{
		{`{"fullyQualifiedNamespace":"ns.servicebus.windows.net"}`, ""},
		{`{"connectionString":"Endpoint=sb://x/"}`, ""},
		{`{}`, "needs fullyQualifiedNamespace or connectionString, one of the two"},
		{`{"connectionString":"x","fullyQualifiedNamespace":"y"}`, "needs fullyQualifiedNamespace or connectionString, one of the two"},
		{`{"connectionString":{"type":"Other"}}`, "is neither text nor a SecureString or AzureKeyVaultSecret object; other kinds of secrets are not supported"},
		{`{"connectionString":"x","entityPath":"y"}`, "is not a property of this type"},
	} {
		_, ds := ParseLinkedService("l.json", []byte(`{"name":"L","properties":{"type":"AzureServiceBus","typeProperties":`+tt.tp+`}}`))
		got := ""
		if len(ds) > 0 {
			got = ds[0].Message
		}
		if got != tt.want || len(ds) > 1 {
			t.Errorf("%s: got %v, want %q", tt.tp, ds, tt.want)
		}
	}
}

func TestFactory(t *testing.T) {
	f := testFactory(t)
	if v, _ := f.GlobalParameters.Lookup("ENV"); v != "dev" {
		t.Errorf("global parameter: got %v, want dev", v)
	}
	if f.Pipeline("CHILD") == nil || f.Dataset("ds") == nil || f.LinkedService("BUS") == nil || f.Trigger("x") != nil {
		t.Error("look-up ignoring case fails")
	}
	if ds := f.Validate(); len(ds) > 0 {
		t.Errorf("Validate: %v", ds)
	}
	before := f.Pipelines
	f.PutPipeline(mustPipeline(t, `{"name":"child","properties":{"activities":[{"name":"X","type":"Teleport"}]}}`))
	if len(f.Pipelines) != 1 || before[0].Name != "Child" {
		t.Errorf("Put: %d pipelines, old list holds %s", len(f.Pipelines), before[0].Name)
	}
	f.Strict = true
	if err := f.Validate().Err(); err == nil {
		t.Error("strict: an unknown activity type is no error")
	}
	if !f.DeletePipeline("CHILD") || f.DeletePipeline("CHILD") {
		t.Error("Delete does not report what was there")
	}
	f.Pipelines = []*Pipeline{mustPipeline(t, `{"name":"A","properties":{}}`), mustPipeline(t, `{"name":"a","properties":{}}`)}
	if ds := f.Validate(); len(ds) != 1 || ds[0].Path != "$.name" {
		t.Errorf("twice the same name: got %v, want one diagnostic", ds)
	}
}

func TestTimespan(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want time.Duration
		out  string
	}{
		{"00:00:01", time.Second, "00:00:01"},
		{"0.12:00:00", 12 * time.Hour, "12:00:00"},
		{"7.00:00:00", 7 * 24 * time.Hour, "7.00:00:00"},
		{"01:02:03.5", time.Hour + 2*time.Minute + 3*time.Second + 500*time.Millisecond, "01:02:03.5000000"},
		{"00:60:60", 61 * time.Minute, "01:01:00"},
	} {
		if got, err := ParseTimespan(tt.in); err != nil || got != tt.want || FormatTimespan(got) != tt.out {
			t.Errorf("%s: got %v (%s), %v; want %v (%s)", tt.in, got, FormatTimespan(got), err, tt.want, tt.out)
		}
	}
	for _, in := range []string{"", "1", "-00:00:01", "1:2:3", "00:61:00", "1.24:00:00", "99999999.00:00:00", "00:00:00 "} {
		if got, err := ParseTimespan(in); err == nil {
			t.Errorf("%q: got %v, want an error", in, got)
		}
	}
}

// FuzzParse feeds every parser and the validator.
func FuzzParse(f *testing.F) {
	f.Add([]byte(activityFile(`{"name":"F","type":"ForEach","dependsOn":[{"activity":"G","dependencyConditions":["Failed"]}],"typeProperties":{"items":"@range(0,3)","activities":[{"name":"S","type":"ServiceBusSend"}]}}`)))
	f.Add([]byte(`{"name":"T","properties":{"type":"ServiceBusTrigger","typeProperties":{"queueName":"q","retry":{}},"pipelines":[{}]}}`))
	f.Add([]byte(`{"name":"L","properties":{"type":"AzureServiceBus","typeProperties":{"connectionString":{}}}}`))
	f.Add([]byte(`{"properties":{"globalParameters":{"a":{"type":"Int","value":"1"}}}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		factory, _ := ParseFactory("f", data)
		if factory == nil {
			factory = &Factory{}
		}
		p, ds := ParsePipeline("f", data)
		if p == nil && ds.Err() == nil {
			t.Fatal("neither a pipeline nor an error")
		}
		if p != nil {
			factory.PutPipeline(p)
		}
		if l, _ := ParseLinkedService("f", data); l != nil {
			factory.PutLinkedService(l)
		}
		if d, _ := ParseDataset("f", data); d != nil {
			factory.PutDataset(d)
		}
		if tr, _ := ParseTrigger("f", data); tr != nil {
			factory.PutTrigger(tr)
		}
		for _, d := range factory.Validate() {
			if d.Path == "" || d.Message == "" {
				t.Errorf("diagnostic %+v names no place or reason", d)
			}
		}
	})
}

// cases returns n cases of a Switch, without activities.
func cases(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `,{"value":"v%d"}`, i)
	}
	return b.String()[1:]
}
