package system

import (
	"fmt"
	"os"
	"slices"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"

	"switchyard/deploy"
)

// TestEmulatorsFile: a file with everything that the one has which comes with Microsoft's
// emulator, and in its form, deploys as it is, and each subscription gets what its rules say.
func TestEmulatorsFile(t *testing.T) {
	file, err := os.ReadFile("testdata/emulator/Config.json")
	if err != nil {
		t.Fatal(err)
	}
	s := startSystem(t, Options{Deployments: []*deploy.Deployment{folder(t, map[string]string{"Config.json": string(file)})}})
	c := sdk(t, s)
	sendTo(t, c, "queue.1", "q")
	if m := take(t, c, "queue.1", 0, 1)[0]; m.MessageID != "q" || string(m.Body) != `{"id":"q"}` {
		t.Errorf("queue.1 has %+v", m)
	}

	sender, err := c.NewSender("topic.1", nil)
	if err != nil {
		t.Fatal(err)
	}
	id, other, text, to := "123456", "654321", "application/text", "somewhere"
	for _, m := range []*azservicebus.Message{
		{MessageID: &id, To: &to, ApplicationProperties: map[string]any{"userProp1": "value1"}},
		{MessageID: &id, To: &to, ApplicationProperties: map[string]any{"userProp1": "value2"}},
		{MessageID: &other, To: &to, ContentType: &text, ApplicationProperties: map[string]any{"userProp1": "value1"}},
		{MessageID: &other, To: &to, ApplicationProperties: map[string]any{"prop1": "value1"}},
	} {
		if err := sender.SendMessage(t.Context(), m, nil); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string][]string{
		"subscription.1": {"654321 map[userProp1:value1] to somewhere"},
		"subscription.2": {"654321 map[prop1:value1] to somewhere"},
		"subscription.3": {"123456 map[userProp1:value1] to somewhere", "123456 map[userProp1:value2] to somewhere",
			"654321 map[userProp1:value1] to somewhere", "654321 map[prop1:value1] to somewhere"},
		"subscription.4": {"123456 map[RuleName:with-an-action userProp1:value1] to Entity"},
	} {
		r, err := c.NewReceiverForSubscription("topic.1", name, nil)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for len(got) < len(want) {
			msgs, err := r.ReceiveMessages(t.Context(), len(want), nil)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range msgs {
				got = append(got, fmt.Sprintf("%s %v to %s", m.MessageID, m.ApplicationProperties, *m.To))
				if err := r.CompleteMessage(t.Context(), m, nil); err != nil {
					t.Error(err)
				}
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s has %q, want %q", name, got, want)
		}
		from := int64(0)
		if left, err := r.PeekMessages(t.Context(), 10, &azservicebus.PeekMessagesOptions{FromSequenceNumber: &from}); err != nil || len(left) > 0 {
			t.Errorf("%s has %d messages more, %v", name, len(left), err)
		}
	}
	rules, err := s.broker.Rules("sbemulatorns", "topic.1", "subscription.3")
	if err != nil || len(rules) != 1 || rules[0].Name != "$Default" {
		t.Errorf("the rules of subscription.3 are %+v, %v, want $Default", rules, err)
	}
}
