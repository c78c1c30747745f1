package datafactoryrp_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"switchyard/arm"
	"switchyard/arm/armtest"
	"switchyard/arm/datafactoryrp"
	"switchyard/arm/resourcesrp"
	"switchyard/clock"
	"switchyard/pipeline"
	"switchyard/pipeline/activity"
	"switchyard/pipeline/engine"
	"switchyard/pipeline/engine/enginetest"
	"switchyard/pipeline/factory"
	"switchyard/value"
)

const (
	tenant = "72f988bf-0000-4000-8000-2d7cd011db47"
	sub    = "11111111-2222-4333-8444-555555555555"
)

// standing is a clock that stands still for the control plane.
type standing struct{ *armtest.Clock }

func (standing) NewTimer(d time.Duration) clock.Timer { return clock.Wall{}.NewTimer(d) }

// plain seals nothing: what is on disk is not looked at here.
type plain struct{}

func (plain) Seal(b []byte) []byte          { return b }
func (plain) Open(b []byte) ([]byte, error) { return b, nil }

// starter records which triggers run.
type starter struct {
	mu      sync.Mutex
	running map[string]bool
}

func (s *starter) Start(f *pipeline.Factory, t *pipeline.Trigger) (func(), error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t.ServiceBus.QueueName == "missing" {
		return nil, errors.New("the queue missing does not exist")
	}
	s.running[t.Name] = true
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.running, t.Name)
	}, nil
}

type fixture struct {
	store   *armtest.Store
	log     *armtest.Log
	memory  *enginetest.Memory
	starter *starter
	engine  *engine.Engine
	m       *factory.Manager
	k       *arm.Kernel
}

// open makes a control plane with a resource group rg, over what is in a store.
func open(t *testing.T, store *armtest.Store) *fixture {
	t.Helper()
	f := &fixture{store: store, log: &armtest.Log{}, memory: enginetest.NewMemory(nil), starter: &starter{running: map[string]bool{}}}
	stands := armtest.NewClock()
	var err error
	f.engine, err = engine.New(engine.Options{
		History: f.memory, Log: f.memory, Clock: clock.Wall{}, Registry: activity.NewRegistry(),
		LinkedService: func(name, service string) (*pipeline.LinkedService, error) { return f.m.LinkedService(name, service) },
	})
	check(t, err)
	f.m, err = factory.New(factory.Options{
		Store: store, Log: f.log, Clock: standing{stands}, Sealer: plain{}, Rand: armtest.NewRand(2), TenantID: tenant, Starter: f.starter,
		Retire: factory.RetireRuns(f.engine),
	})
	check(t, err)
	check(t, f.engine.Start(t.Context()))
	check(t, f.m.Start(t.Context()))
	rp, err := resourcesrp.New(resourcesrp.Options{Store: store, Log: f.log, Clock: stands})
	check(t, err)
	f.k, err = arm.NewKernel(arm.Options{
		Store: store, Log: f.log, Clock: stands, Rand: armtest.NewRand(1),
		Providers:    append([]arm.Provider{datafactoryrp.New(f.m, datafactoryrp.EngineRuns{Engine: f.engine, Factories: f.m})}, rp.Providers()...),
		Authenticate: func(*http.Request) (arm.Caller, error) { return arm.Caller{}, nil },
		TenantID:     tenant, DefaultSubscriptionID: sub,
	})
	check(t, err)
	t.Cleanup(func() {
		f.m.Close()
		f.engine.Stop(time.Second)
		f.k.Close()
	})
	return f
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

var vars = map[string]string{
	"$RG": "/subscriptions/" + sub + "/resourceGroups/rg", "$DF": "/subscriptions/" + sub + "/resourceGroups/rg/providers/Microsoft.DataFactory/factories/contoso",
	"$SUB": "/subscriptions/" + sub, "$TENANT": tenant, "$V": "api-version=2018-06-01",
}

func (f *fixture) do(method, path, body string) (status int, answer string) {
	w := serve(f.k, method, expand(path), body)
	return w.Code, w.Body.String()
}

// must fails the test if the status is not the one that is wanted.
func (f *fixture) must(t *testing.T, want int, method, path, body string) string {
	t.Helper()
	status, answer := f.do(method, path, body)
	if status != want {
		t.Fatalf("%s %s %s: got %d %s, want %d", method, path, body, status, answer, want)
	}
	return answer
}

func expand(s string) string {
	for _, name := range []string{"$RG", "$DF", "$SUB", "$TENANT", "$V"} {
		s = strings.ReplaceAll(s, name, vars[name])
	}
	return s
}

// group creates the resource group and the factory.
func (f *fixture) group(t *testing.T) *fixture {
	t.Helper()
	f.must(t, 201, "PUT", "$RG?api-version=2021-04-01", `{"location":"westeurope"}`)
	f.must(t, 200, "PUT", "$DF?$V", `{"location":"westeurope","identity":{"type":"SystemAssigned"}}`)
	return f
}

func window() string {
	return fmt.Sprintf(`"lastUpdatedAfter":%q,"lastUpdatedBefore":%q`, "2020-01-01T00:00:00Z", "2999-01-01T00:00:00Z")
}

// check2 checks the error of a call with a result.
func check2(t *testing.T) func(any, error) {
	return func(_ any, err error) { t.Helper(); check(t, err) }
}

func jsonHas(v value.Value, text string) bool {
	return strings.Contains(string(value.Append(nil, v)), text)
}
