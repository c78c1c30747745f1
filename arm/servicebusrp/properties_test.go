package servicebusrp_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"switchyard/broker/description"
)

// written are values of the properties that the broker supports, other than the
// defaults where there is another one. PT120S must come back as it was written.
var written = map[string]any{
	"lockDuration": "PT120S", "defaultMessageTimeToLive": "P1M", "duplicateDetectionHistoryTimeWindow": "PT1H", "autoDeleteOnIdle": "PT600S",
	"maxDeliveryCount": 2147483647., "maxSizeInMegabytes": 5120., "maxMessageSizeInKilobytes": 256., "status": "Disabled", "userMetadata": "mine",
	"deadLetteringOnMessageExpiration": true, "deadLetteringOnFilterEvaluationExceptions": false, "enableBatchedOperations": false, "supportOrdering": false,
	"forwardTo": "sb://contoso.servicebus.windows.net/dest", "forwardDeadLetteredMessagesTo": "Dest",
	"requiresSession": false, "requiresDuplicateDetection": false, "enablePartitioning": false, "enableExpress": false, "isClientAffine": false,
}

// TestEveryProperty writes each property that ARM has, of each kind of entity, and
// reads it again, also after a restart; what is left out has its default again
// [ARM 6.2], [ARM 6.3], [ARM 6.4].
func TestEveryProperty(t *testing.T) {
	for _, c := range []struct {
		kind description.Entity
		path string
	}{
		{description.Topic, nsPath + "/topics/t"}, {description.Queue, nsPath + "/queues/q"}, {description.Subscription, nsPath + "/topics/t/subscriptions/s"},
	} {
		t.Run(c.kind.String(), func(t *testing.T) {
			d := newDisk()
			f := newFixture(t, d, nil)
			f.contoso(t)
			f.must(t, "PUT", nsPath+"/topics/t", `{}`)
			f.must(t, "PUT", nsPath+"/queues/dest", `{}`)
			defaults := show(t, f, c.path, f.must(t, "PUT", c.path, `{}`))
			body, want := map[string]any{}, map[string]any{}
			for _, p := range c.kind.ARMProperties() {
				name := p.ARMName()
				v, ok := written[name]
				if !ok {
					t.Errorf("%s: there is no value to write", name)
				}
				if ok && name != "forwardTo" { // with it there is no autoDeleteOnIdle
					body[name], want[name] = v, v
				}
			}
			text, err := json.Marshal(map[string]any{"properties": body})
			if err != nil {
				t.Fatal(err)
			}
			got := show(t, f, c.path, f.must(t, "PUT", c.path, string(text)))
			again := show(t, newFixture(t, d, nil), c.path, "")
			for name, v := range want {
				if got[name] != v || again[name] != v {
					t.Errorf("%s = %v is shown as %v, after a restart as %v", name, v, got[name], again[name])
				}
			}
			if v := written["forwardTo"]; c.kind != description.Topic {
				text := fmt.Sprintf(`{"properties":{"forwardTo":%q}}`, v)
				want["forwardTo"] = v
				if got := show(t, f, c.path, f.must(t, "PUT", c.path, text)); got["forwardTo"] != v {
					t.Errorf("forwardTo = %v is shown as %v", v, got["forwardTo"])
				}
			}
			reset := show(t, f, c.path, f.must(t, "PUT", c.path, `{"properties":{}}`))
			for name := range want {
				if reset[name] != defaults[name] {
					t.Errorf("%s is %v when it is left out, want %v", name, reset[name], defaults[name])
				}
			}
		})
	}
}

// show returns the scalar properties of an answer, and fails if a GET answers with
// other ones. answer may be "".
func show(t *testing.T, f *fixture, path, answer string) map[string]any {
	t.Helper()
	got := f.must(t, "GET", path, "")
	if answer != "" && got != answer {
		t.Errorf("GET answers\n%s\nPUT answered\n%s", got, answer)
	}
	var o struct{ Properties map[string]any }
	if err := json.Unmarshal([]byte(got), &o); err != nil {
		t.Fatal(err)
	}
	for name, v := range o.Properties {
		if _, ok := v.(map[string]any); ok {
			delete(o.Properties, name)
		}
	}
	return o.Properties
}

// TestFixedProperties: what is chosen at creation can't change [SB-SEM 1.1].
func TestFixedProperties(t *testing.T) {
	f := newFixture(t, newDisk(), nil)
	f.contoso(t)
	for kind, path := range map[description.Entity]string{description.Queue: "/queues/q", description.Topic: "/topics/t"} {
		f.must(t, "PUT", nsPath+path, `{}`)
		for _, p := range kind.ARMProperties() {
			if !p.Fixed {
				continue
			}
			w := f.do("PUT", nsPath+path+version, fmt.Sprintf(`{"properties":{"%s":true}}`, p.ARMName()))
			want := fmt.Sprintf("The value for the '%s' property of an existing %s cannot be changed.", p.ARMName(), strings.ToUpper(kind.String()[:1])+kind.String()[1:])
			if w.Code != 400 || !strings.Contains(w.Body.String(), want) {
				t.Errorf("%s: got %d %s, want %s", p.Name, w.Code, w.Body, want)
			}
		}
	}
}
