package system

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"

	"switchyard/deploy"
)

// ofSubscription makes the trigger of a folder one on the subscription in/Subscriptions/s.
func ofSubscription(files map[string]string, properties string) map[string]string {
	files["Config.json"] = `{"UserConfig":{"Namespaces":[{"Name":"test-ns","Queues":[{"Name":"out"}],
		"Topics":[{"Name":"in","Subscriptions":[{"Name":"s",` + properties + `}]}]}]}}`
	files["trigger/OnIn.json"] = strings.Replace(files["trigger/OnIn.json"], `"queueName":"in"`, `"queueName":"in/Subscriptions/s"`, 1)
	return files
}

// TestTriggerOnSubscription: a trigger gets what the rules of its subscription let through,
// and completes it there.
func TestTriggerOnSubscription(t *testing.T) {
	s := startSystem(t, Options{Deployments: []*deploy.Deployment{folder(t, ofSubscription(triggered("", `
		{"name":"Each","type":"ForEach","typeProperties":{"items":{"value":"@pipeline().parameters.messages","type":"Expression"},"activities":[
			{"name":"Answer","type":"ServiceBusSend","linkedServiceName":{"referenceName":"Bus","type":"LinkedServiceReference"},
			 "typeProperties":{"queueName":"out","body":"@item().body.id","correlationId":"@item().messageId"}}]}}`),
		`"Rules":[{"Name":"wanted","Properties":{"FilterType":"Sql","SqlFilter":{"SqlExpression":"sys.MessageId LIKE 'yes%'"}}}]`))}})
	c := sdk(t, s)
	sendTo(t, c, "in", "yes-1", "no-1", "yes-2", "no-2", "yes-3")
	var answered []string
	for _, m := range take(t, c, "out", 0, 3) {
		answered = append(answered, *m.CorrelationID+" "+string(m.Body))
	}
	slices.Sort(answered)
	if want := []string{"yes-1 yes-1", "yes-2 yes-2", "yes-3 yes-3"}; !slices.Equal(answered, want) {
		t.Errorf("answered are %q, want %q", answered, want)
	}
	subscription, err := c.NewReceiverForSubscription("in", "s", nil)
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, func() string {
		from := int64(0)
		left, err := subscription.PeekMessages(t.Context(), 10, &azservicebus.PeekMessagesOptions{FromSequenceNumber: &from})
		if err != nil || len(left) > 0 {
			return ""
		}
		return "all are completed"
	})
}

// TestTriggerOnSessions: the runs of a queue or subscription that requires sessions have
// messages of one session each, one run at a time in each session, so that what they send is
// in its order.
func TestTriggerOnSessions(t *testing.T) {
	const required = `{"RequiresSession":true}`
	t.Run("queue", func(t *testing.T) { triggerOnSessions(t, triggered(required, inSessions)) })
	t.Run("subscription", func(t *testing.T) {
		triggerOnSessions(t, ofSubscription(triggered("", inSessions), `"Properties":`+required))
	})
}

// inSessions answers each message and settles it, and fails after the fourth of a session.
const inSessions = `
		{"name":"Each","type":"ForEach","typeProperties":{"isSequential":true,"items":{"value":"@pipeline().parameters.messages","type":"Expression"},"activities":[
			{"name":"Answer","type":"ServiceBusSend","linkedServiceName":{"referenceName":"Bus","type":"LinkedServiceReference"},
			 "typeProperties":{"queueName":"out","body":"x","correlationId":"@item().messageId","subject":"@item().sessionId"}},
			{"name":"Settle","type":"ServiceBusSettle","dependsOn":[{"activity":"Answer","dependencyConditions":["Succeeded"]}],
			 "typeProperties":{"sequenceNumber":"@item().sequenceNumber","outcome":"Complete"}},
			{"name":"Which","type":"IfCondition","dependsOn":[{"activity":"Settle","dependencyConditions":["Succeeded"]}],
			 "typeProperties":{"expression":{"value":"@endswith(item().messageId, '-3')","type":"Expression"},"ifTrueActivities":[
				{"name":"Stop","type":"Fail","typeProperties":{"message":"after the fourth","errorCode":"1"}}]}}]}}`

func triggerOnSessions(t *testing.T, files map[string]string) {
	s := startSystem(t, Options{Deployments: []*deploy.Deployment{folder(t, files)}})
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
