package arm_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"switchyard/arm"
	"switchyard/arm/armtest"
	"switchyard/arm/resourcesrp"
	"switchyard/commit"
	"switchyard/value"
)

// slow is a provider whose POST starts a long-running operation, which ends as
// the test says.
type slow struct {
	kernel  *arm.Kernel
	outcome func(ctx context.Context, op arm.Operation) error
	started chan arm.Operation
}

const (
	slowKind = "slow/work"
	slowID   = sub + "/resourceGroups/rg/providers/Contoso.Slow/things/t"
)

func (p *slow) Namespace() string                                 { return "Contoso.Slow" }
func (p *slow) Types() []arm.TypeInfo                             { return []arm.TypeInfo{{Type: "things"}} }
func (p *slow) GroupResources(string, string) []*value.Object     { return nil }
func (p *slow) DeleteGroup(context.Context, string, string) error { return nil }
func (p *slow) Bind(k *arm.Kernel) {
	p.kernel = k
	k.HandleOperation(slowKind, func(ctx context.Context, op arm.Operation) error {
		p.started <- op
		return p.outcome(ctx, op)
	})
}

func (p *slow) Handle(ctx context.Context, r *arm.Request) (*arm.Response, error) {
	kind := slowKind
	if r.Action == "unknown" {
		kind = "slow/nobody"
	}
	var op arm.Operation
	err := p.kernel.Commit(ctx, func(u *commit.Unit) { op = p.kernel.NewOperation(u, kind, r.ID, json.RawMessage(`{"n":1}`)) })
	if err != nil {
		return nil, err
	}
	p.kernel.RunOperation(ctx, op)
	resp := p.kernel.Accepted(r, op)
	p.kernel.AsyncStatus(r, op, resp)
	return resp, nil
}

// newSlow makes a kernel with the provider on a store that may hold operations of
// an earlier process.
func newSlow(t *testing.T, store *armtest.Store, clock *armtest.Clock, outcome func(context.Context, arm.Operation) error) (*arm.Kernel, *slow) {
	t.Helper()
	log := &armtest.Log{}
	rp, err := resourcesrp.New(resourcesrp.Options{Store: store, Log: log, Clock: clock})
	if err != nil {
		t.Fatal(err)
	}
	p := &slow{outcome: outcome, started: make(chan arm.Operation, 9)}
	k, err := arm.NewKernel(arm.Options{Store: store, Log: log, Clock: clock, Rand: armtest.NewRand(1), TenantID: tenant,
		Providers:    append([]arm.Provider{p}, rp.Providers()...),
		Authenticate: func(*http.Request) (arm.Caller, error) { return arm.Caller{}, nil }})
	if err != nil {
		t.Fatal(err)
	}
	return k, p
}

func member(t *testing.T, text, name string) string {
	t.Helper()
	v, err := value.Parse([]byte(text))
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	m, _ := v.(*value.Object).Get(name)
	if m == nil {
		return ""
	}
	if s, ok := m.(string); ok {
		return s
	}
	return string(value.Append(nil, m))
}

// TestOperationOutcomes covers [ARM 2.1, 2.2]: an operation that ended is told by
// the first poll, its error with the error's own status where the client polls
// Location, and as a document with 200 where it polls Azure-AsyncOperation. What
// is no [arm.Error] is not told to the client.
func TestOperationOutcomes(t *testing.T) {
	for _, c := range []struct {
		name, action string
		outcome      func(context.Context, arm.Operation) error
		status       int
		code         string
	}{
		{"done", "work", func(context.Context, arm.Operation) error { return nil }, 200, ""},
		{"refused", "work", func(context.Context, arm.Operation) error {
			return &arm.Error{Status: 409, Code: "Conflict", Message: "In use.", Target: "t", Details: []arm.Error{{Code: "Inner", Message: "Why."}}}
		}, 409, "Conflict"},
		{"broken", "work", func(context.Context, arm.Operation) error { return errors.New("a secret of the disk") }, 500, "InternalServerError"},
		{"panics", "work", func(context.Context, arm.Operation) error { panic("a secret of the disk") }, 500, "InternalServerError"},
		{"of no kind", "unknown", nil, 500, "InternalServerError"},
	} {
		t.Run(c.name, func(t *testing.T) {
			k, p := newSlow(t, armtest.NewStore(), armtest.NewClock(), c.outcome)
			defer k.Close()
			if w := do(k, "PUT", sub+"/resourceGroups/rg"+v, `{"location":"westeurope"}`); w.Code != 201 {
				t.Fatal(armtest.Describe(w))
			}
			w := do(k, "POST", slowID+"/"+c.action+v, "")
			if w.Code != 202 || w.Header().Get("Retry-After") != "" || w.Body.Len() > 0 {
				t.Fatalf("got\n%s\nwant 202, no Retry-After, no body", armtest.Describe(w))
			}
			const base = "https://" + armtest.Host + sub
			location, status := w.Header().Get("Location"), w.Header().Get("Azure-AsyncOperation")
			if !strings.HasPrefix(location, base+"/operationresults/") || !strings.HasPrefix(status, base+"/operationstatuses/") || !strings.HasSuffix(location, v) || !strings.HasSuffix(status, v) {
				t.Fatalf("Location %s\nAzure-AsyncOperation %s", location, status)
			}
			if c.outcome != nil {
				if op := <-p.started; op.Target != slowID || op.Subscription != strings.TrimPrefix(sub, "/subscriptions/") || string(op.Input) != `{"n":1}` || !strings.Contains(location, op.ID) {
					t.Errorf("the operation's function was told %+v", op)
				}
			}
			poll := strings.TrimPrefix(location, "https://"+armtest.Host)
			w = do(k, "GET", poll, "")
			if w.Code != c.status || w.Header().Get("x-ms-error-code") != c.code || w.Header().Get("Retry-After") != "" || strings.Contains(w.Body.String(), "secret") {
				t.Errorf("Location: got\n%s\nwant %d %s", armtest.Describe(w), c.status, c.code)
			}
			w = do(k, "GET", strings.TrimPrefix(status, "https://"+armtest.Host), "")
			document := w.Body.String()
			want := "Succeeded"
			if c.code != "" {
				want = "Failed"
			}
			if w.Code != 200 || member(t, document, "status") != want || member(t, document, "startTime") != "2026-01-02T03:04:05.6789012Z" || member(t, document, "endTime") == "" || strings.Contains(document, "secret") {
				t.Errorf("Azure-AsyncOperation: got\n%s\nwant 200 and %s", armtest.Describe(w), want)
			}
			if e := member(t, document, "error"); c.code == "" && e != "" || c.code != "" && member(t, e, "code") != c.code {
				t.Errorf("error in the document: %s, want code %q", e, c.code)
			}
			if c.code == "Conflict" && !strings.Contains(document, `"error":{"code":"Conflict","message":"In use.","target":"t","details":[{"code":"Inner","message":"Why."}]}`) {
				t.Errorf("the error lost something on its way through the store: %s", document)
			}
		})
	}
}

// TestOperationPatience: the first answer waits two seconds for the end and no
// longer [ARM 2.1]; a poll that comes before the end says how soon to come again.
func TestOperationPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		k, _ := newSlow(t, armtest.NewStore(), armtest.NewClock(), func(context.Context, arm.Operation) error { <-release; return nil })
		defer k.Close()
		do(k, "PUT", sub+"/resourceGroups/rg"+v, `{"location":"westeurope"}`)
		began := time.Now()
		w := do(k, "POST", slowID+"/work"+v, "")
		if took := time.Since(began); w.Code != 202 || took != 2*time.Second {
			t.Errorf("after %s: got\n%s\nwant 202 after 2s", took, armtest.Describe(w))
		}
		location := strings.TrimPrefix(w.Header().Get("Location"), "https://"+armtest.Host)
		status := strings.TrimPrefix(w.Header().Get("Azure-AsyncOperation"), "https://"+armtest.Host)
		if w := do(k, "GET", location, ""); w.Code != 202 || w.Header().Get("Retry-After") != "1" || w.Header().Get("Location") != "https://"+armtest.Host+location {
			t.Errorf("Location: got\n%s\nwant 202 and the same again", armtest.Describe(w))
		}
		if w := do(k, "GET", status, ""); w.Code != 200 || w.Header().Get("Retry-After") != "1" || member(t, w.Body.String(), "status") != "Running" || member(t, w.Body.String(), "endTime") != "" {
			t.Errorf("Azure-AsyncOperation: got\n%s\nwant 200, Running and no end", armtest.Describe(w))
		}
		close(release)
		synctest.Wait()
		if w := do(k, "GET", location, ""); w.Code != 200 {
			t.Errorf("after its end: got\n%s\nwant 200", armtest.Describe(w))
		}
	})
}

// TestOperationRestart: an operation that a process did not end is done by the
// next one, under its id; one that ended is not done again.
func TestOperationRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, clock := armtest.NewStore(), armtest.NewClock()
		k, p := newSlow(t, store, clock, func(ctx context.Context, _ arm.Operation) error { <-ctx.Done(); return nil })
		do(k, "PUT", sub+"/resourceGroups/rg"+v, `{"location":"westeurope"}`)
		w := do(k, "POST", slowID+"/work"+v, "")
		first := <-p.started
		k.Close() // as a crash would: the operation's function is told to give up, and its end is not recorded
		location := strings.TrimPrefix(w.Header().Get("Location"), "https://"+armtest.Host)

		store = store.Clone()
		k, p = newSlow(t, store, clock, func(context.Context, arm.Operation) error { return nil })
		if w := do(k, "GET", location, ""); w.Code != 202 {
			t.Errorf("before Start: got\n%s\nwant 202", armtest.Describe(w))
		}
		if err := k.Start(); err != nil {
			t.Fatal(err)
		}
		if again := <-p.started; again.ID != first.ID || again.Target != first.Target || string(again.Input) != string(first.Input) {
			t.Errorf("the operation that continued is %+v, want %+v", again, first)
		}
		synctest.Wait()
		if w := do(k, "GET", location, ""); w.Code != 200 {
			t.Errorf("after its end: got\n%s\nwant 200", armtest.Describe(w))
		}
		k.Close()

		k, p = newSlow(t, store.Clone(), clock, func(context.Context, arm.Operation) error { return nil })
		defer k.Close()
		if err := k.Start(); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if len(p.started) != 0 {
			t.Error("an operation that ended was done again")
		}
		if w := do(k, "GET", location, ""); w.Code != 200 {
			t.Errorf("outcome after a restart: got\n%s\nwant 200", armtest.Describe(w))
		}
	})
}

// TestDamagedOperation: one that can't be read is forgotten, and keeps no other from
// being done.
func TestDamagedOperation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, clock := armtest.NewStore(), armtest.NewClock()
		k, p := newSlow(t, store, clock, func(ctx context.Context, _ arm.Operation) error { <-ctx.Done(); return nil })
		do(k, "PUT", sub+"/resourceGroups/rg"+v, `{"location":"westeurope"}`)
		damaged := do(k, "POST", slowID+"/work"+v, "")
		store.Damage("operations/" + (<-p.started).ID)
		do(k, "POST", slowID+"/work"+v, "")
		other := <-p.started
		k.Close()

		k, p = newSlow(t, store.Clone(), clock, func(context.Context, arm.Operation) error { return nil })
		defer k.Close()
		if err := k.Start(); err != nil {
			t.Fatal(err)
		}
		if again := <-p.started; again.ID != other.ID {
			t.Errorf("operation %s goes on, want %s", again.ID, other.ID)
		}
		synctest.Wait()
		location := strings.TrimPrefix(damaged.Header().Get("Location"), "https://"+armtest.Host)
		if w := do(k, "GET", location, ""); w.Code != 404 || len(p.started) > 0 {
			t.Errorf("the damaged one: got\n%s\nwant 404", armtest.Describe(w))
		}
	})
}

// TestOperationNotFound: what can't be polled is told as not found, whatever it
// looks like, and an operation's outcome is kept a day.
func TestOperationNotFound(t *testing.T) {
	store, clock := armtest.NewStore(), armtest.NewClock()
	k, _ := newSlow(t, store, clock, func(context.Context, arm.Operation) error { return nil })
	defer k.Close()
	do(k, "PUT", sub+"/resourceGroups/rg"+v, `{"location":"westeurope"}`)
	location := strings.TrimPrefix(do(k, "POST", slowID+"/work"+v, "").Header().Get("Location"), "https://"+armtest.Host)
	for _, path := range []string{
		sub + "/operationresults/00000000-0000-4000-8000-000000000000" + v,
		sub + "/operationstatuses/00000000-0000-4000-8000-000000000000" + v,
		sub + "/operationresults/groups" + v,
		sub + "/operationresults/" + strings.Repeat("x", 1000) + v,
		strings.Replace(location, "11111111", "22222222", 1),
	} {
		want(t, do(k, "GET", path, ""), 404, "NotFound")
	}
	if w := do(k, "GET", strings.ToUpper(strings.TrimSuffix(location, v))+v, ""); w.Code != 200 {
		t.Errorf("in upper case: got\n%s\nwant 200", armtest.Describe(w))
	}
	clock.Advance(24 * time.Hour)
	if err := k.Start(); err != nil {
		t.Fatal(err)
	}
	if w := do(k, "GET", location, ""); w.Code != 200 {
		t.Errorf("after a day: got\n%s\nwant 200", armtest.Describe(w))
	}
	clock.Advance(time.Nanosecond)
	if err := k.Start(); err != nil {
		t.Fatal(err)
	}
	want(t, do(k, "GET", location, ""), 404, "NotFound")
	if keys := store.Keys("operations/"); len(keys) != 0 {
		t.Errorf("the store still has %q", keys)
	}
}

// TestOperationRecords: a record of another version, or half of one, stops the
// start and is not passed over: what it stands for would be forgotten.
func TestOperationRecords(t *testing.T) {
	for _, record := range []string{`{"version":2,"id":"x","status":"Running"}`, `{"version":1,`, `[]`, ``} {
		store, log := armtest.NewStore(), &armtest.Log{}
		u := &commit.Unit{}
		store.Put(u, "operations/x", []byte(record))
		log.Submit(u)
		log.Sync(u)
		k, _ := newSlow(t, store, armtest.NewClock(), nil)
		if err := k.Start(); err == nil || !strings.HasPrefix(err.Error(), "start resource manager: operation record") {
			t.Errorf("record %q: Start() = %v, want an error", record, err)
		}
		k.Close()
	}
}
