package system

import (
	"cmp"
	"fmt"
	"slices"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"

	"switchyard/deploy"
)

// TestTriggerOnSessions: the runs of a queue that requires sessions have messages of one
// session each, one run at a time in each session, so that what they send is in its order.
func TestTriggerOnSessions(t *testing.T) {
	s := startSystem(t, Options{Deployments: []*deploy.Deployment{folder(t, triggered(`{"RequiresSession":true}`, `
		{"name":"Each","type":"ForEach","typeProperties":{"isSequential":true,"items":{"value":"@pipeline().parameters.messages","type":"Expression"},"activities":[
			{"name":"Answer","type":"ServiceBusSend","linkedServiceName":{"referenceName":"Bus","type":"LinkedServiceReference"},
			 "typeProperties":{"queueName":"out","body":"x","correlationId":"@item().messageId","subject":"@item().sessionId"}},
			{"name":"Settle","type":"ServiceBusSettle","dependsOn":[{"activity":"Answer","dependencyConditions":["Succeeded"]}],
			 "typeProperties":{"sequenceNumber":"@item().sequenceNumber","outcome":"Complete"}},
			{"name":"Which","type":"IfCondition","dependsOn":[{"activity":"Settle","dependencyConditions":["Succeeded"]}],
			 "typeProperties":{"expression":{"value":"@endswith(item().messageId, '-3')","type":"Expression"},"ifTrueActivities":[
				{"name":"Stop","type":"Fail","typeProperties":{"message":"after the fourth","errorCode":"1"}}]}}]}}`))}})
	c := sdk(t, s)
	sender, err := c.NewSender("in", nil)
	if err != nil {
		t.Fatal(err)
	}
	const sessions, each = 5, 12
	for i := range each {
		for session := range sessions {
			id, name := fmt.Sprintf("%d-%d", session, i), fmt.Sprint("session ", session)
			if err := sender.SendMessage(t.Context(), &azservicebus.Message{MessageID: &id, SessionID: &name}, nil); err != nil {
				t.Fatal(err)
			}
		}
	}
	next := map[string]int{}
	answers := take(t, c, "out", 0, sessions*each)
	slices.SortFunc(answers, func(a, b *azservicebus.ReceivedMessage) int { return cmp.Compare(*a.SequenceNumber, *b.SequenceNumber) })
	for _, m := range answers {
		var session, i int
		if _, err := fmt.Sscanf(*m.CorrelationID, "%d-%d", &session, &i); err != nil {
			t.Fatal(err)
		}
		if *m.Subject != fmt.Sprint("session ", session) || next[*m.Subject] != i {
			t.Errorf("%s of %s is answered, %d is next", *m.CorrelationID, *m.Subject, next[*m.Subject])
		}
		next[*m.Subject] = i + 1
	}
}
