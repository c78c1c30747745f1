package servicebusrp_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"switchyard/arm"
	"switchyard/arm/armtest"
	"switchyard/arm/resourcesrp"
	"switchyard/arm/servicebusrp"
	"switchyard/auth"
	"switchyard/broker"
	"switchyard/broker/brokertest"
	"switchyard/clock"
	"switchyard/commit"
	"switchyard/value"
)

const (
	tenant    = "72f988bf-0000-4000-8000-2d7cd011db47"
	subID     = "11111111-2222-4333-8444-555555555555"
	version   = "?api-version=2021-11-01"
	groupPath = "/subscriptions/" + subID + "/resourceGroups/rg1"
	nsPath    = groupPath + "/providers/Microsoft.ServiceBus/namespaces/contoso"
)

var vars = map[string]string{
	"$SUB": "/subscriptions/" + subID, "$ID": subID, "$TENANT": tenant, "$RG": groupPath, "$NS": nsPath, "$BUS": groupPath + "/providers/Microsoft.ServiceBus",
}

// standing makes the broker's clock of one that stands still. Its timers never fire:
// the broker is not started.
type standing struct{ *armtest.Clock }

func (standing) NewTimer(time.Duration) clock.Timer { return noTimer{} }

type noTimer struct{}

func (noTimer) C() <-chan time.Time      { return nil }
func (noTimer) Stop() bool               { return false }
func (noTimer) Reset(time.Duration) bool { return false }

type disk struct {
	broker *brokertest.Store
	arm    *armtest.Store
	// caller makes the requests; if there is an authorizer, by what it allows.
	caller     arm.Caller
	authorizer arm.Authorizer
}

type fixture struct {
	*disk
	clock  *armtest.Clock
	broker *broker.Broker
	auth   *auth.Authority
	bus    *servicebusrp.Provider
	k      *arm.Kernel
}

// turned is a sealer that anybody can open, but not by mistake.
type turned struct{}

func (turned) Seal(plain []byte) []byte {
	b := bytes.Clone(plain)
	slices.Reverse(b)
	return append([]byte("sealed "), b...)
}

func (turned) Open(sealed []byte) ([]byte, error) {
	b, ok := bytes.CutPrefix(bytes.Clone(sealed), []byte("sealed "))
	if !ok {
		return nil, errors.New("not sealed")
	}
	slices.Reverse(b)
	return b, nil
}

func newDisk() *disk { return &disk{broker: brokertest.NewStore(), arm: armtest.NewStore()} }

func newFixture(t *testing.T, d *disk, change func(*servicebusrp.Options)) *fixture {
	t.Helper()
	f := &fixture{disk: d, clock: armtest.NewClock(), auth: &auth.Authority{}}
	b, err := broker.New(broker.Options{Store: d.broker, Log: d.broker, Clock: standing{f.clock}, Rand: armtest.NewRand(3)})
	if err != nil {
		t.Fatal(err)
	}
	f.broker = b
	keys := servicebusrp.Keys{Authority: f.auth, Sealer: turned{}}
	err = b.AccessRules(keys.Load)
	if err != nil {
		t.Fatal(err)
	}
	o := servicebusrp.Options{
		Store: d.arm, Log: d.broker, Clock: f.clock, Rand: armtest.NewRand(2), Broker: b, Topics: b, Authority: f.auth,
		SealRules: keys.SealRules,
		ConnectionString: func(ns, entity, keyName, key string) string {
			return auth.ConnectionString{Endpoint: ns + ".localhost:5672", KeyName: keyName, Key: key, EntityPath: entity, Emulator: true}.Format()
		},
	}
	if change != nil {
		change(&o)
	}
	bus, err := servicebusrp.New(o)
	if err != nil {
		t.Fatal(err)
	}
	f.bus = bus
	rp, err := resourcesrp.New(resourcesrp.Options{Store: d.arm, Log: d.broker, Clock: f.clock})
	if err != nil {
		t.Fatal(err)
	}
	f.k, err = arm.NewKernel(arm.Options{
		Store: d.arm, Log: d.broker, Clock: f.clock, Rand: armtest.NewRand(1), Providers: append([]arm.Provider{bus}, rp.Providers()...),
		Authenticate: func(*http.Request) (arm.Caller, error) { return d.caller, nil }, Authorizer: d.authorizer,
		TenantID: tenant, DefaultSubscriptionID: subID,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.k.Close)
	t.Cleanup(b.Close)
	return f
}

func (f *fixture) do(method, path, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "https://"+armtest.Host+path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer token")
	w := httptest.NewRecorder()
	f.k.ServeHTTP(w, r)
	return w
}

// must makes a request that succeeds.
func (f *fixture) must(t *testing.T, method, path, body string) string {
	t.Helper()
	w := f.do(method, path+version, body)
	if w.Code >= 300 {
		t.Fatalf("%s %s: %s", method, path, armtest.Describe(w))
	}
	return w.Body.String()
}

func (f *fixture) contoso(t *testing.T) {
	t.Helper()
	f.must(t, "PUT", groupPath, `{"location":"westeurope"}`)
	f.must(t, "PUT", nsPath, `{"location":"westeurope"}`)
}

// owner is an authorizer that allows everything.
type owner struct{}

func (owner) Allows(arm.Caller, string, arm.ResourceID) bool { return true }
func (owner) Knows(arm.Caller, arm.ResourceID) bool          { return true }

// TestDamagedNamespace: a namespace whose envelope can't be read is told by name, and put
// again or deleted by who may do everything. Where roles decide, an owner of one group
// does not get a namespace that may be another's, with its messages and keys.
func TestDamagedNamespace(t *testing.T) {
	for _, c := range []struct {
		name       string
		authorizer arm.Authorizer
		operator   bool
		may        bool
	}{{"development", nil, false, true}, {"owner", owner{}, false, false}, {"operator", owner{}, true, true}} {
		t.Run(c.name, func(t *testing.T) {
			d := newDisk()
			f := newFixture(t, d, nil)
			f.contoso(t)
			f.must(t, "PUT", nsPath+"/queues/q", `{"properties":{}}`)
			key := d.arm.Keys("servicebus/namespaces/")[0]
			d.authorizer, d.caller.Operator = c.authorizer, c.operator
			f = newFixture(t, d, nil)
			for _, method := range []string{"PUT", "DELETE"} {
				d.arm.Damage(key)
				w := f.do("GET", nsPath+version, "")
				if w.Code != 409 || !strings.Contains(w.Body.String(), `"DamagedRecord"`) {
					t.Errorf("GET: %s, want 409 DamagedRecord", armtest.Describe(w))
				}
				if w := f.do(method, nsPath+version, `{"location":"westeurope"}`); (w.Code == 200) != c.may || !c.may && w.Code != 409 {
					t.Errorf("%s: %s, allowed: %t", method, armtest.Describe(w), c.may)
				}
			}
			if got := f.broker.Namespaces(); (len(got) == 0) != c.may {
				t.Errorf("at the end there are %q", got)
			}
		})
	}
}

func TestGolden(t *testing.T) {
	for _, name := range []string{"namespaces", "refused_namespaces", "queues", "refused_queues", "rules", "topics", "refused_topics", "duplicates", "partitions", "extras"} {
		t.Run(name, func(t *testing.T) {
			armtest.Golden(t, newFixture(t, newDisk(), nil).k, "testdata/"+name+".txt", vars)
		})
	}
	t.Run("without topics", func(t *testing.T) {
		f := newFixture(t, newDisk(), func(o *servicebusrp.Options) { o.Topics = nil })
		armtest.Golden(t, f.k, "testdata/notopics.txt", vars)
	})
}

func send(t *testing.T, f *fixture, ns, path, body string) {
	t.Helper()
	q, err := f.broker.Queue(ns, path)
	if err != nil {
		t.Fatal(err)
	}
	u, err := q.Send([]*broker.Message{{Content: broker.Content{Sections: []byte(body)}}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	f.broker.Sync(u)
}

// TestTransferCounts: what was sent by way of a queue or a topic and has not gone on yet,
// since nothing does in this broker, is counted there [SB-SEM 8].
func TestTransferCounts(t *testing.T) {
	f := newFixture(t, newDisk(), nil)
	f.contoso(t)
	f.must(t, "PUT", nsPath+"/queues/orders", `{}`)
	f.must(t, "PUT", nsPath+"/queues/other", `{}`)
	f.must(t, "PUT", nsPath+"/topics/news", `{}`)
	for _, by := range []string{"queues/orders", "topics/news"} {
		_, path, _ := strings.Cut(by, "/")
		sender, err := f.broker.Via("contoso", path, "other")
		if err != nil {
			t.Fatal(err)
		}
		u, err := sender.Send([]*broker.Message{{Content: broker.Content{Sections: []byte("\x00Sw\xa0\x01x")}}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		f.broker.Sync(u)
		if got := f.must(t, "GET", nsPath+"/"+by, ""); !strings.Contains(got, `"transferMessageCount":1,"transferDeadLetterMessageCount":0`) ||
			strings.Contains(got, `"sizeInBytes":0`) || !strings.Contains(got, `"activeMessageCount":0`) {
			t.Errorf("%s: %s", by, got)
		}
	}
	if got := f.must(t, "GET", nsPath+"/queues/other", ""); !strings.Contains(got, `"messageCount":0`) {
		t.Errorf("the destination: %s", got)
	}
}

// TestRunningThing: what a PUT creates takes messages when the answer leaves, the
// counts are live, and what is deleted is gone with its messages.
func TestRunningThing(t *testing.T) {
	f := newFixture(t, newDisk(), nil)
	f.contoso(t)
	f.must(t, "PUT", nsPath+"/queues/orders", `{}`)
	for range 3 {
		send(t, f, "contoso", "orders", "\x00Sw\xa0\x01x")
	}
	if got := f.must(t, "GET", nsPath+"/queues/orders", ""); !strings.Contains(got, `"messageCount":3`) || !strings.Contains(got, `"activeMessageCount":3`) ||
		strings.Contains(got, `"sizeInBytes":0`) || strings.Contains(got, `"accessedAt":"0001`) {
		t.Errorf("counts after three messages: %s", got)
	}
	f.must(t, "PUT", nsPath+"/queues/orders", `{"properties":{"status":"SendDisabled"}}`)
	q, err := f.broker.Queue("contoso", "orders")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := q.Send([]*broker.Message{{Content: broker.Content{Sections: []byte("x")}}}, nil); err == nil {
		t.Error("a queue with status SendDisabled takes messages")
	}
	f.must(t, "DELETE", nsPath+"/queues/orders", "")
	f.must(t, "PUT", nsPath+"/queues/orders", `{}`)
	if got := f.must(t, "GET", nsPath+"/queues/orders", ""); !strings.Contains(got, `"messageCount":0`) {
		t.Errorf("a queue of the same name has the messages of the deleted one: %s", got)
	}
}

// TestOneStoreTwoDoors: what another front door creates is shown and can be
// changed [ARM 6.2].
func TestOneStoreTwoDoors(t *testing.T) {
	f := newFixture(t, newDisk(), nil)
	ctx := context.Background()
	if err := f.broker.PutNamespace(ctx, "Contoso", broker.NamespaceOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := f.broker.PutQueue(ctx, "Contoso", "Orders", broker.QueueOptions{LockDuration: 90 * time.Second}); err != nil {
		t.Fatal(err)
	}
	if w := f.do("GET", nsPath+version, ""); w.Code != 404 {
		t.Errorf("a namespace without a group: got\n%s\nwant 404", armtest.Describe(w))
	}
	f.contoso(t)
	if got := f.must(t, "GET", nsPath+"/queues/orders", ""); !strings.Contains(got, `"name":"Orders"`) || !strings.Contains(got, `"lockDuration":"PT1M30S"`) {
		t.Errorf("a queue of the adopted namespace: %s", got)
	}
	f.must(t, "PUT", nsPath+"/queues/orders", `{"properties":{"lockDuration":"PT30.0S"}}`)
	if got := f.must(t, "GET", nsPath+"/queues/orders", ""); !strings.Contains(got, `"lockDuration":"PT30.0S"`) {
		t.Errorf("a duration is echoed as given: %s", got)
	}
	if _, err := f.broker.PutQueue(ctx, "contoso", "orders", broker.QueueOptions{LockDuration: 20 * time.Second}); err != nil {
		t.Fatal(err)
	}
	if got := f.must(t, "GET", nsPath+"/queues/orders", ""); !strings.Contains(got, `"lockDuration":"PT20S"`) {
		t.Errorf("the lock duration after the other door changed it: %s", got)
	}
}

// TestSurvives covers [ARM 14.9].
func TestSurvives(t *testing.T) {
	d := newDisk()
	f := newFixture(t, d, nil)
	f.contoso(t)
	f.must(t, "PUT", nsPath, `{"location":"westeurope","identity":{"type":"SystemAssigned"},"tags":{"z":"1","a":"2"}}`)
	f.must(t, "PUT", nsPath+"/queues/a%2Fb", `{"properties":{"lockDuration":"PT60S"}}`)
	f.must(t, "PUT", nsPath+"/queues/a~b/authorizationRules/app", `{"properties":{"rights":["Send"]}}`)
	f.must(t, "PUT", nsPath+"/topics/t", `{}`)
	f.must(t, "PUT", nsPath+"/topics/t/subscriptions/s", `{}`)
	f.must(t, "PUT", nsPath+"/topics/t/subscriptions/s/rules/r", `{"properties":{"sqlFilter":{"sqlExpression":"a=1"}}}`)
	again := newFixture(t, d, nil)
	for _, c := range []struct{ method, path string }{
		{"GET", nsPath}, {"GET", nsPath + "/queues"}, {"GET", nsPath + "/queues/a~b/authorizationRules"},
		{"POST", nsPath + "/queues/a~b/authorizationRules/app/listKeys"}, {"POST", nsPath + "/AuthorizationRules/RootManageSharedAccessKey/listKeys"},
		{"GET", nsPath + "/topics/t"}, {"GET", nsPath + "/topics/t/subscriptions/s/rules"}, {"GET", groupPath + "/resources"},
	} {
		before, after := f.must(t, c.method, c.path, ""), again.must(t, c.method, c.path, "")
		if before != after {
			t.Errorf("%s %s after a restart: %s\nbefore: %s", c.method, c.path, after, before)
		}
	}
}

// TestOneUnit: definition and envelope are durable together: whatever the moment
// of a crash, there is both or neither.
func TestOneUnit(t *testing.T) {
	d := newDisk()
	f := newFixture(t, d, nil)
	f.must(t, "PUT", groupPath, `{"location":"westeurope"}`)
	units, envelope := 0, false
	d.broker.Committed = func(u *commit.Unit) {
		units++
		if len(u.Ops()) == 0 || (len(u.Callbacks()) > 0) != envelope {
			t.Errorf("a unit has %d records of the broker and %d of the control plane, want some of the broker, of the control plane: %v", len(u.Ops()), len(u.Callbacks()), envelope)
		}
	}
	for _, c := range []struct {
		method, path, body string
		envelope           bool
	}{
		{"PUT", nsPath, `{"location":"westeurope"}`, true},
		{"PUT", nsPath + "/queues/q", `{"properties":{"lockDuration":"PT60S"}}`, false}, // the broker's record is all
		{"DELETE", nsPath + "/queues/q", "", false},
		{"DELETE", nsPath, "", true},
	} {
		units, envelope = 0, c.envelope
		f.must(t, c.method, c.path, c.body)
		if units != 1 {
			t.Errorf("%s %s is %d units, want 1", c.method, c.path, units)
		}
	}
}

// TestDeletedKey: a key that was replaced or deleted opens nothing any more, and a
// new namespace of the same name has other keys.
func TestDeletedKey(t *testing.T) {
	f := newFixture(t, newDisk(), nil)
	f.contoso(t)
	key := func(path string) string {
		t.Helper()
		var keys struct{ PrimaryKey, KeyName string }
		if err := json.Unmarshal([]byte(f.must(t, "POST", path+"/listKeys", "")), &keys); err != nil {
			t.Fatal(err)
		}
		return keys.PrimaryKey
	}
	app, root := nsPath+"/AuthorizationRules/app", nsPath+"/AuthorizationRules/RootManageSharedAccessKey"
	f.must(t, "PUT", app, `{"properties":{"rights":["Send","Listen"]}}`)
	appKey, rootKey := key(app), key(root)
	check := func(name, key string, want bool) {
		t.Helper()
		if _, err := f.auth.VerifyKey("contoso", name, key); (err == nil) != want {
			t.Errorf("key of %s is good: %t (%v), want %t", name, err == nil, err, want)
		}
	}
	check("app", appKey, true)
	f.must(t, "PUT", app, `{"properties":{"rights":["Listen"]}}`)
	check("app", appKey, true) // PUT keeps the keys
	f.must(t, "POST", app+"/regenerateKeys", `{"keyType":"PrimaryKey"}`)
	check("app", appKey, false)
	appKey = key(app)
	f.must(t, "DELETE", app, "")
	check("app", appKey, false)
	f.must(t, "DELETE", nsPath, "")
	check("RootManageSharedAccessKey", rootKey, false)
	f.contoso(t)
	check("RootManageSharedAccessKey", rootKey, false)
}

// TestGroupDeletion: deleting a group deletes what the broker has of it, and
// nothing of another group.
func TestGroupDeletion(t *testing.T) {
	f := newFixture(t, newDisk(), nil)
	f.contoso(t)
	f.must(t, "PUT", nsPath+"/queues/q", `{"properties":{"lockDuration":"PT60S"}}`)
	other := strings.Replace(groupPath, "rg1", "rg2", 1)
	f.must(t, "PUT", other, `{"location":"westeurope"}`)
	f.must(t, "PUT", other+"/providers/Microsoft.ServiceBus/namespaces/fabrikam", `{"location":"westeurope"}`)
	f.must(t, "PUT", nsPath+"/queues/q/providers/Microsoft.Authorization/roleAssignments/99999999-0000-4000-8000-000000000001",
		`{"properties":{"roleDefinitionId":"69a216fc-b8fb-44d8-bc22-1f3c2cd27a39","principalId":"99999999-0000-4000-8000-000000000002"}}`)
	w := f.do("DELETE", groupPath+version, "")
	if w.Code != 202 {
		t.Fatalf("DELETE: %s", armtest.Describe(w))
	}
	if w = f.do("GET", strings.TrimPrefix(w.Header().Get("Location"), "https://"+armtest.Host), ""); w.Code != 200 {
		t.Errorf("poll: %s", armtest.Describe(w))
	}
	if got := f.broker.Namespaces(); len(got) != 1 || got[0] != "fabrikam" {
		t.Errorf("the broker has the namespaces %q, want fabrikam", got)
	}
	for _, prefix := range []string{"servicebus/echo/", "authorization/"} {
		if got := f.arm.Keys(prefix); len(got) > 0 {
			t.Errorf("records are left over: %q", got)
		}
	}
	if got := f.auth.Rules("contoso", ""); len(got) > 0 {
		t.Errorf("authorization rules are left over: %v", got)
	}
}

// TestProvisioningDelay shows the sequence of [ARM 2.2] that a namespace has in
// Azure.
func TestProvisioningDelay(t *testing.T) {
	f := newFixture(t, newDisk(), func(o *servicebusrp.Options) { o.ProvisioningDelay = 30 * time.Second })
	f.contoso(t)
	if got := f.must(t, "GET", nsPath, ""); !strings.Contains(got, `"provisioningState":"Created"`) || !strings.Contains(got, `"status":"Activating"`) {
		t.Errorf("a new namespace: %s", got)
	}
	f.clock.Advance(time.Minute)
	if got := f.must(t, "GET", nsPath, ""); !strings.Contains(got, `"provisioningState":"Succeeded"`) || !strings.Contains(got, `"status":"Active"`) {
		t.Errorf("a namespace after a minute: %s", got)
	}
}

// TestPages: a hundred queues to a page [ARM 1.11].
func TestPages(t *testing.T) {
	f := newFixture(t, newDisk(), nil)
	f.contoso(t)
	for i := range 205 {
		f.must(t, "PUT", nsPath+"/queues/q"+string(rune('a'+i/26))+string(rune('a'+i%26)), `{}`)
	}
	var sizes []int
	names := map[string]bool{}
	for path := nsPath + "/queues" + version; path != ""; {
		var page struct {
			Value    []struct{ Name string }
			NextLink string
		}
		w := f.do("GET", path, "")
		if err := json.Unmarshal(w.Body.Bytes(), &page); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		sizes = append(sizes, len(page.Value))
		for _, q := range page.Value {
			names[q.Name] = true
		}
		path = strings.TrimPrefix(page.NextLink, "https://"+armtest.Host)
	}
	if len(sizes) != 3 || sizes[0] != 100 || sizes[2] != 5 || len(names) != 205 {
		t.Errorf("pages of %v with %d names, want 100, 100, 5 with 205", sizes, len(names))
	}
}

// TestNothingInDeletedGroup: while a group is created and deleted, namespaces,
// queues and rules are put into it. What the broker has, what is listed and what
// has keys stay the same, and in a group that is gone there is nothing.
func TestNothingInDeletedGroup(t *testing.T) {
	f := newFixture(t, newDisk(), nil)
	var wg sync.WaitGroup
	stop := make(chan struct{})
	for i := range 4 {
		ns := nsPath + string(rune('a'+i))
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				f.do("PUT", ns+version, `{"location":"westeurope"}`)
				f.do("PUT", ns+"/queues/q"+version, `{}`)
				f.do("PUT", ns+"/queues/q/authorizationRules/r"+version, `{"properties":{"rights":["Send"]}}`)
				f.do("GET", ns+"/queues"+version, "")
				f.do("GET", groupPath+"/resources"+version, "")
			}
		})
	}
	for range 30 {
		f.do("PUT", groupPath+version, `{"location":"westeurope"}`)
		if w := f.do("DELETE", groupPath+version, ""); w.Code != 202 {
			t.Errorf("DELETE: %s", armtest.Describe(w))
		}
	}
	close(stop)
	wg.Wait()
	if names, left := f.broker.Namespaces(), f.arm.Keys("servicebus/"); len(names) > 0 || len(left) > 0 {
		t.Errorf("in the deleted group there are still %q, with the records %q", names, left)
	}
	for i := range 4 {
		ns := "contoso" + string(rune('a'+i))
		if rules := append(f.auth.Rules(ns, ""), f.auth.Rules(ns, "q")...); len(rules) > 0 {
			t.Errorf("%s is gone and has the rules %v", ns, rules)
		}
	}
}

// TestGroupGoneMeanwhile: a request that the kernel let pass comes too late.
func TestGroupGoneMeanwhile(t *testing.T) {
	f := newFixture(t, newDisk(), nil)
	id, err := arm.ParseID(nsPath)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.bus.Handle(t.Context(), &arm.Request{Method: "PUT", ID: id, Header: http.Header{}, Body: value.NewObject(value.Member{Name: "location", Value: "westeurope"})})
	var e *arm.Error
	if !errors.As(err, &e) || e.Code != "ResourceGroupNotFound" {
		t.Errorf("PUT of a namespace after its group was deleted: got %v, want ResourceGroupNotFound", err)
	}
	if got := f.broker.Namespaces(); len(got) > 0 {
		t.Errorf("the broker has %q", got)
	}
}

// TestChanged: what keeps ports and keys elsewhere is told of each namespace that
// is made, changed or deleted, alone or with its group, and of its own keys.
func TestChanged(t *testing.T) {
	var told []string
	f := newFixture(t, newDisk(), func(o *servicebusrp.Options) {
		o.Changed = func(ns string, deleted bool) { told = append(told, fmt.Sprintf("%s %v", ns, deleted)) }
	})
	group := strings.SplitAfter(nsPath, "/providers/")[0]
	group = strings.TrimSuffix(group, "/providers/")
	for _, c := range []struct {
		method, path, body string
		want               []string
	}{
		{"PUT", group, `{"location":"westeurope"}`, nil},
		{"PUT", nsPath, `{"location":"westeurope"}`, []string{"ns false"}},
		{"GET", nsPath, "", nil},
		{"PUT", nsPath + "/queues/q", `{"properties":{}}`, nil},
		{"POST", nsPath + "/AuthorizationRules/RootManageSharedAccessKey/listKeys", "", nil},
		{"POST", nsPath + "/AuthorizationRules/RootManageSharedAccessKey/regenerateKeys", `{"keyType":"PrimaryKey"}`, []string{"ns false"}},
		{"PUT", nsPath + "/queues/q/authorizationRules/r", `{"properties":{"rights":["Send"]}}`, nil},
		{"DELETE", nsPath, "", []string{"ns true"}},
		{"DELETE", nsPath, "", nil},
	} {
		told = nil
		f.must(t, c.method, c.path, c.body)
		for i, x := range told {
			told[i] = "ns" + x[strings.LastIndexByte(x, ' '):]
		}
		if !slices.Equal(told, c.want) {
			t.Errorf("%s %s: told %q, want %q", c.method, c.path, told, c.want)
		}
	}
}
