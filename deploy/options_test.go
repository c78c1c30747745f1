package deploy

import (
	"reflect"
	"testing"
	"time"

	"switchyard/broker/description"
)

// readEntities reads the Properties of one entity of each kind.
func readEntities(t *testing.T, queue, topic, subscription string) (options [3]description.Options, diags []string) {
	t.Helper()
	d, all := Read(folder(map[string]string{"Config.json": `{"UserConfig":{"Namespaces":[{"Name":"test-ns",
		"Queues":[{"Name":"q","Properties":` + queue + `}],
		"Topics":[{"Name":"t","Properties":` + topic + `,"Subscriptions":[{"Name":"s","Properties":` + subscription + `}]}]}]}}`}), "f", Mode{Strict: true})
	for _, x := range all {
		diags = append(diags, x.Path[len("$.UserConfig.Namespaces[test-ns]."):]+" "+x.Message)
	}
	ns := d.Namespaces[0]
	return [3]description.Options{ns.Queues[0].Options, ns.Topics[0].Options, ns.Topics[0].Subscriptions[0].Options}, diags
}

// TestReadOptions has every setting that an emulator's Config.json may have, with
// what is not supported off [SB-SEM 1.5].
func TestReadOptions(t *testing.T) {
	got, diags := readEntities(t,
		`{"LockDuration":"PT30S","DefaultMessageTimeToLive":"PT1H","DuplicateDetectionHistoryTimeWindow":"PT20S","AutoDeleteOnIdle":"P10675199DT2H48M5.4775807S",
		  "MaxDeliveryCount":3,"maxSizeInMegabytes":2048,"DeadLetteringOnMessageExpiration":true,"RequiresDuplicateDetection":true,"RequiresSession":false,
		  "EnablePartitioning":false,"ForwardTo":"","ForwardDeadLetteredMessagesTo":null,"UserMetadata":"mine"}`,
		`{"DEFAULTMESSAGETIMETOLIVE":"P1D","DuplicateDetectionHistoryTimeWindow":"P7D","AutoDeleteOnIdle":"PT5M","MaxSizeInMegabytes":5120,
		  "RequiresDuplicateDetection":true,"EnablePartitioning":false,"UserMetadata":"t"}`,
		`{"LockDuration":"PT5M","DefaultMessageTimeToLive":"PT1S","AutoDeleteOnIdle":"P300Y","MaxDeliveryCount":2147483647,"DeadLetteringOnMessageExpiration":false,
		  "DeadLetteringOnFilterEvaluationExceptions":false,"RequiresSession":false,"ForwardTo":"","ForwardDeadLetteredMessagesTo":"","UserMetadata":""}`)
	if len(diags) > 0 {
		t.Fatal(diags)
	}
	no := false
	want := [3]description.Options{
		{LockDuration: 30 * time.Second, DefaultMessageTimeToLive: time.Hour, DuplicateDetectionHistoryTimeWindow: 20 * time.Second, AutoDeleteOnIdle: description.Forever,
			MaxDeliveryCount: 3, MaxSizeInMegabytes: 2048, DeadLetteringOnMessageExpiration: true, RequiresDuplicateDetection: true, UserMetadata: "mine"},
		{DefaultMessageTimeToLive: 24 * time.Hour, DuplicateDetectionHistoryTimeWindow: 7 * 24 * time.Hour, AutoDeleteOnIdle: 5 * time.Minute,
			MaxSizeInMegabytes: 5120, RequiresDuplicateDetection: true, UserMetadata: "t"},
		{LockDuration: 5 * time.Minute, DefaultMessageTimeToLive: time.Second, AutoDeleteOnIdle: description.Forever, MaxDeliveryCount: 2147483647,
			DeadLetteringOnFilterEvaluationExceptions: &no},
	}
	want[2].Written = map[string]string{"autoDeleteOnIdle": "P300Y"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// TestRefusedOptions: what is wrong is told with its place, in the order of the file.
func TestRefusedOptions(t *testing.T) {
	_, got := readEntities(t,
		`{"LockDuration":60,"MaxDeliveryCount":"3","RequiresSession":"false","UserMetadata":5,"DefaultMessageTimeToLive":"PT0S","ForwardTo":"sb://other.servicebus.windows.net/q","MaxSizeInMegabytes":1,"Status":"Active"}`,
		`{"LockDuration":"PT1M","DefaultMessageTimeToLive":null,"EnablePartitioning":"true"}`,
		`{"MaxSizeInMegabytes":1024,"AutoDeleteOnIdle":"PT299S","LockDuration":"PT6M"}`)
	want := []string{
		"Queues[q].Properties.LockDuration should be a text",
		"Queues[q].Properties.MaxDeliveryCount should be a whole number",
		"Queues[q].Properties.RequiresSession should be true or false",
		"Queues[q].Properties.UserMetadata should be a text",
		"Queues[q].Properties.DefaultMessageTimeToLive 'PT0S' is not more than zero",
		`Queues[q].Properties.ForwardTo ForwardTo "sb://other.servicebus.windows.net/q": it must be in the namespace test-ns`,
		"Queues[q].Properties.MaxSizeInMegabytes MaxSizeInMegabytes 1: want one of [1024 2048 3072 4096 5120] in a Standard namespace",
		"Queues[q].Properties.Status there is no such setting of a queue",
		"Topics[t].Properties.LockDuration there is no such setting of a topic",
		"Topics[t].Properties.DefaultMessageTimeToLive should be a text",
		"Topics[t].Properties.EnablePartitioning should be true or false",
		"Topics[t].Subscriptions[s].Properties.MaxSizeInMegabytes there is no such setting of a subscription",
		"Topics[t].Subscriptions[s].Properties.AutoDeleteOnIdle AutoDeleteOnIdle 4m59s: want at least 5 minutes",
		"Topics[t].Subscriptions[s].Properties.LockDuration LockDuration 6m0s: want more than 0, at most 5 minutes",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}
