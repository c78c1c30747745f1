package deploy

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

func folder(files map[string]string) fstest.MapFS {
	fsys := fstest.MapFS{}
	for name, text := range files {
		fsys[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return fsys
}

const busFile = `{"name":"Bus","properties":{"type":"AzureServiceBus","typeProperties":{"fullyQualifiedNamespace":"test-ns.servicebus.windows.net"}}}`

// TestReadTellsEverything has a mistake of each kind; a file that can't be read
// must hide none of the others, and must not make a second mistake of every
// reference to what it would have declared.
func TestReadTellsEverything(t *testing.T) {
	_, diags := Read(folder(map[string]string{
		"factory/f.json":          `{"name":"f","properties":{"globalParameters":[`,
		"linkedService/Bus.json":  busFile,
		"linkedService/Half.json": `{"name":"Half",`,
		"pipeline/Half.json":      `{"name":"Half","properties":{`,
		"pipeline/Wrong.json": `{"name":"Wrong","properties":{"concurrency":-1,"parameters":{"n":5},"variables":{"v":[],"w":{"type":"String"}},"activities":[
			{"name":"a","type":"SetVariable","typeProperties":{"variableName":"v","value":"@pipeline().parameters.n"}},
			{"name":"b","type":"SetVariable","typeProperties":{"variableName":"w","value":"@pipeline().globalParameters.g"}},
			{"name":"c","type":"SetVariable","typeProperties":{"variableName":"gone","value":"x"}},
			{"name":"d","type":"SetVariable","typeProperties":{"variableName":"w","value":"@nope()"}}]}}`,
		"pipeline/Other.json": `{"name":"Other","properties":{"activities":[
			{"name":"a","type":"Wait","dependsOn":[{"activity":"z","dependencyConditions":["Succeeded"]}],"typeProperties":{"waitTimeInSeconds":"@concat("}},
			{"name":"s","type":"ServiceBusSend","linkedServiceName":{"referenceName":"Half","type":"LinkedServiceReference"},"typeProperties":{"queueName":"q","body":"x"}},
			{"name":"t","type":"ServiceBusSend","linkedServiceName":{"referenceName":"Missing","type":"LinkedServiceReference"},"typeProperties":{"queueName":"q","body":"x"}}]}}`,
		"trigger/T.json": `{"name":"T","properties":{"type":"ServiceBusTrigger","typeProperties":{"linkedServiceName":{"referenceName":"Bus","type":"LinkedServiceReference"},"queueName":"q"},
			"pipelines":[{"pipelineReference":{"referenceName":"Half","type":"PipelineReference"}}]}}`,
		"trigger/U.json": `{"name":"U","properties":{"type":"ServiceBusTrigger","typeProperties":{"linkedServiceName":{"referenceName":"Bus","type":"LinkedServiceReference"},"queueName":"q"},
			"pipelines":[{"pipelineReference":{"referenceName":"Nowhere","type":"PipelineReference"}}]}}`,
	}), "dir", Mode{Strict: true})
	var got []string
	for _, d := range diags {
		got = append(got, d.File+" "+d.Path)
	}
	slices.Sort(got)
	want := []string{
		"dir/factory/f.json $",
		"dir/linkedService/Half.json $",
		"dir/pipeline/Half.json $",
		"dir/pipeline/Other.json $.properties.activities[a].dependsOn[0].activity",
		"dir/pipeline/Other.json $.properties.activities[a].typeProperties.waitTimeInSeconds",
		"dir/pipeline/Other.json $.properties.activities[t].linkedServiceName",
		"dir/pipeline/Wrong.json $.properties.activities[c].typeProperties.variableName",
		"dir/pipeline/Wrong.json $.properties.activities[d].typeProperties.value",
		"dir/pipeline/Wrong.json $.properties.concurrency",
		"dir/pipeline/Wrong.json $.properties.parameters.n",
		"dir/pipeline/Wrong.json $.properties.variables.v",
		"dir/trigger/U.json $.properties.pipelines[0].pipelineReference",
	}
	if !slices.Equal(got, want) {
		t.Errorf("diagnostics:\n%v\nplaces:\n%s\nwant:\n%s", diags, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestReadConfig has what the broker would refuse when it is created: each is
// told with its own place in the file.
func TestReadConfig(t *testing.T) {
	_, diags := Read(folder(map[string]string{
		"Config.json": `{"UserConfig":{"Namespaces":[{"Name":"test-ns","Queues":[
			{"Name":"a b?"},
			{"Name":"q","Properties":{"LockDuration":"PT0S","MaxDeliveryCount":0,"MaxSizeInMegabytes":0}},
			{"Name":"r","Properties":{"LockDuration":"PT1H","AutoDeleteOnIdle":"PT1M","ForwardTo":"R","ForwardDeadLetteredMessagesTo":"r","DefaultMessageTimeToLive":"PT0.1S"}},
			{"Name":"ok","Properties":{"LockDuration":"PT1M","MaxDeliveryCount":3,"ForwardTo":"","RequiresSession":false,"DefaultMessageTimeToLive":"PT1H","DuplicateDetectionHistoryTimeWindow":"PT20S"}}
			]},{"Name":"-bad name-"}]}}`,
		"servicebus/Config.json": `{"UserConfig":{"Namespaces":[{"Name":"TEST-NS","Queues":[{"Name":"q"}]}]}}`,
	}), "dir", Mode{Strict: true})
	var got []string
	for _, d := range diags {
		got = append(got, d.File+" "+strings.TrimPrefix(d.Path, "$.UserConfig.Namespaces"))
	}
	want := []string{
		"dir/Config.json [test-ns].Queues[a b?].Name",
		"dir/Config.json [test-ns].Queues[q].Properties.LockDuration",
		"dir/Config.json [test-ns].Queues[q].Properties.MaxDeliveryCount",
		"dir/Config.json [test-ns].Queues[q].Properties.MaxSizeInMegabytes",
		"dir/Config.json [test-ns].Queues[r].Properties.LockDuration",
		"dir/Config.json [test-ns].Queues[r].Properties.AutoDeleteOnIdle",
		"dir/Config.json [test-ns].Queues[r].Properties.ForwardTo",
		"dir/Config.json [test-ns].Queues[r].Properties.ForwardDeadLetteredMessagesTo",
		"dir/Config.json [test-ns].Queues[r].Properties.DefaultMessageTimeToLive",
		"dir/Config.json [-bad name-].Name",
		"dir/servicebus/Config.json [TEST-NS].Name",
	}
	if !slices.Equal(got, want) {
		t.Errorf("diagnostics:\n%v\nplaces:\n%s\nwant:\n%s", diags, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestReadDurations: a duration means the same in Config.json as in the resource
// manager.
func TestReadDurations(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"PT1M": time.Minute, "P1M": 30 * 24 * time.Hour, "P1Y": 365 * 24 * time.Hour, "P1YT1M": 365*24*time.Hour + time.Minute,
		"PT1.5S": 1500 * time.Millisecond, "PT61.S": 61 * time.Second, "PT1M.5S": 60500 * time.Millisecond,
	} {
		d, diags := Read(folder(map[string]string{
			"Config.json": `{"UserConfig":{"Namespaces":[{"Name":"test-ns","Queues":[{"Name":"q","Properties":{"DefaultMessageTimeToLive":"` + text + `"}}]}]}}`,
		}), "dir", Mode{Strict: true})
		if diags.Err() != nil || d.Namespaces[0].Queues[0].Options.DefaultMessageTimeToLive != want {
			t.Errorf("%s: got %+v, %v, want %v", text, d.Namespaces, diags, want)
		}
	}
}

// FuzzRead: whatever a folder holds, reading and validating it ends, without a
// panic.
func FuzzRead(f *testing.F) {
	f.Add(busFile, `{"name":"P","properties":{"activities":[{"name":"a","type":"ForEach","typeProperties":{"items":{"value":"@x","type":"Expression"},"activities":[{}]}}]}}`,
		`{"name":"T","properties":{"type":"ServiceBusTrigger","pipelines":[{"pipelineReference":{"referenceName":"P","type":"PipelineReference"}}]}}`,
		`{"UserConfig":{"Namespaces":[{"Name":"test-ns","Queues":[{"Name":"q","Properties":{"LockDuration":"PT1M"}}]}]}}`)
	f.Add(`{"properties":{}}`, `{"properties":{"activities":[5,null,{"type":"Until"},{"type":"SetVariable","linkedServiceName":5}]}}`, `{"properties":{"pipelines":[null,{}]}}`, `{"UserConfig":{"Namespaces":[{"Queues":[5]}]}}`)
	f.Fuzz(func(t *testing.T, service, pipeline, trigger, config string) {
		d, diags := Read(folder(map[string]string{
			"linkedService/S.json": service, "pipeline/P.json": pipeline, "trigger/T.json": trigger, "Config.json": config,
		}), "dir", Mode{Strict: true})
		if diags.Err() == nil && (d.Factory == nil || len(d.Factory.Pipelines) != 1) {
			t.Fatalf("no errors, and factory %+v: a file was passed over", d.Factory)
		}
	})
}
