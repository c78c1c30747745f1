package servicebusrp_test

import (
	"context"
	"strings"
	"testing"

	"switchyard/arm/servicebusrp"
	"switchyard/broker"
	"switchyard/commit"
)

// TestMoveSpellings: how durations were written, which earlier versions kept beside
// the control plane's records, goes into the broker's definitions.
func TestMoveSpellings(t *testing.T) {
	d := newDisk()
	ctx := context.Background()
	move := func() {
		t.Helper()
		if err := servicebusrp.MoveSpellings(ctx, d.arm, d.broker, d.broker); err != nil {
			t.Fatal(err)
		}
	}
	f := newFixture(t, d, nil)
	f.contoso(t)
	u := &commit.Unit{}
	for _, r := range []struct{ id, path, definition, key, text string }{
		{"1", "Orders/New", `{"version":1,"options":{"lockDuration":60000000000}}`, "contoso/orders%2Fnew", `{"version":1,"durations":{"lockDuration":"PT60S","maxDeliveryCount":"PT1M"}}`},
		{"2", "Events", `{"version":2,"kind":"topic","options":{"defaultMessageTimeToLive":86400000000000}}`, "contoso/events", `{"version":1,"durations":{"defaultMessageTimeToLive":"PT24H"}}`},
		{"3", "Events/Subscriptions/All", `{"version":2,"kind":"subscription","topic":102,"name":"All","options":{"lockDuration":30000000000},"rules":[{"name":"r","options":{"filter":{"type":"TrueFilter","expression":"1=1"},"action":{}},"createdAt":"2026-01-01T00:00:00Z"}]}`,
			"contoso/events%2Fsubscriptions%2Fall", `{"version":1,"durations":{"lockDuration":"PT0.5M30S"}}`},
		{"4", "stale", `{"version":1,"options":{"lockDuration":30000000000}}`, "contoso/stale", `{"version":1,"durations":{"lockDuration":"PT60S"}}`},
		{"5", "plain", `{"version":1,"options":{}}`, "fabrikam/orders", `{"version":1,"durations":{"lockDuration":"PT60S"}}`},
		{"6", "broken", `{"version":1,"options":{}}`, "contoso/broken", `{"version":`},
	} {
		d.broker.PutEntity(u, broker.EntityRecord{ID: broker.EntityID(100 + r.id[0] - '0'), Namespace: 1, Path: r.path, Definition: []byte(r.definition)})
		d.arm.Put(u, "servicebus/echo/"+r.key, []byte(r.text))
	}
	d.broker.Submit(u)
	d.broker.Sync(u)
	move()
	if keys := d.arm.Keys("servicebus/echo/"); len(keys) > 0 {
		t.Errorf("records are left over: %q", keys)
	}
	f = newFixture(t, d, nil)
	for path, want := range map[string]string{
		"/queues/orders~new":               `"lockDuration":"PT60S"`,
		"/topics/events":                   `"defaultMessageTimeToLive":"PT24H"`,
		"/topics/events/subscriptions/all": `"lockDuration":"PT30S"`, // what was kept is no duration
		"/queues/stale":                    `"lockDuration":"PT30S"`, // changed since by another front door
		"/queues/plain":                    `"lockDuration":"PT1M"`,
		"/queues/broken":                   `"lockDuration":"PT1M"`,
	} {
		if got := f.must(t, "GET", nsPath+path, ""); !strings.Contains(got, want) {
			t.Errorf("%s: got %s, want %s", path, got, want)
		}
	}
	if got := f.must(t, "GET", nsPath+"/topics/events/subscriptions/all/rules", ""); !strings.Contains(got, `"name":"r"`) {
		t.Errorf("the rules of the subscription are gone: %s", got)
	}
	commits := 0
	d.broker.Committed = func(*commit.Unit) { commits++ }
	if move(); commits > 0 {
		t.Errorf("moving again wrote %d units", commits)
	}
}
