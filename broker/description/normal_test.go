package description_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"switchyard/broker/description"
	"switchyard/value"
)

// TestDefaults has the defaults of [SB-SEM 1.1] to [SB-SEM 1.4], as the record of an
// entity of which nothing was said: records of the first version are the same bytes.
func TestDefaults(t *testing.T) {
	const never = "9223372036854775807"
	for _, c := range []struct {
		e         description.Entity
		sku, want string
	}{
		{description.Queue, description.Standard, `{"lockDuration":60000000000,"defaultMessageTimeToLive":` + never + `,"maxDeliveryCount":10,"maxSizeInMegabytes":1024,"maxMessageSize":262144,"status":"Active","enableBatchedOperations":true,"duplicateDetectionHistoryTimeWindow":600000000000,"autoDeleteOnIdle":` + never + `}`},
		{description.Queue, description.Basic, `{"lockDuration":60000000000,"defaultMessageTimeToLive":1209600000000000,"maxDeliveryCount":10,"maxSizeInMegabytes":1024,"maxMessageSize":262144,"status":"Active","enableBatchedOperations":true,"duplicateDetectionHistoryTimeWindow":600000000000,"autoDeleteOnIdle":` + never + `}`},
		{description.Queue, description.Premium, `{"lockDuration":60000000000,"defaultMessageTimeToLive":` + never + `,"maxDeliveryCount":10,"maxSizeInMegabytes":1024,"maxMessageSize":1048576,"status":"Active","enableBatchedOperations":true,"duplicateDetectionHistoryTimeWindow":600000000000,"autoDeleteOnIdle":` + never + `}`},
		{description.Topic, description.Standard, `{"defaultMessageTimeToLive":` + never + `,"maxSizeInMegabytes":1024,"maxMessageSize":262144,"status":"Active","enableBatchedOperations":true,"supportOrdering":true,"duplicateDetectionHistoryTimeWindow":600000000000,"autoDeleteOnIdle":` + never + `}`},
		{description.Topic, description.Premium, `{"defaultMessageTimeToLive":` + never + `,"maxSizeInMegabytes":1024,"maxMessageSize":1048576,"status":"Active","enableBatchedOperations":true,"supportOrdering":true,"duplicateDetectionHistoryTimeWindow":600000000000,"autoDeleteOnIdle":` + never + `}`},
		{description.Subscription, description.Standard, `{"lockDuration":60000000000,"defaultMessageTimeToLive":` + never + `,"deadLetteringOnFilterEvaluationExceptions":true,"maxDeliveryCount":10,"status":"Active","enableBatchedOperations":true,"autoDeleteOnIdle":` + never + `}`},
	} {
		o, err := c.e.Normal(description.Options{}, c.sku)
		if err != nil {
			t.Fatal(err)
		}
		got, err := json.Marshal(o)
		if err != nil || string(got) != c.want {
			t.Errorf("%v in a %s namespace:\n got %s\nwant %s", c.e, c.sku, got, c.want)
		}
		var again description.Options
		if err := json.Unmarshal(got, &again); err != nil {
			t.Fatal(err)
		}
		if again, err = c.e.Normal(again, c.sku); err != nil {
			t.Errorf("%v: the defaults are refused: %v", c.e, err)
		}
		if b, _ := json.Marshal(again); string(b) != c.want {
			t.Errorf("%v: the defaults have other defaults: %s", c.e, b)
		}
	}
}

// set returns options with one property.
func set(t *testing.T, e description.Entity, name string, v value.Value) (o description.Options) {
	t.Helper()
	if err := property(t, e, name).Set(&o, v); err != nil {
		t.Fatalf("%s = %v: %v", name, v, err)
	}
	return o
}

// TestLimits goes to the edges of each property [SB-SEM 1.1] to [SB-SEM 1.4]. want
// is "" for a value that the entity may have.
func TestLimits(t *testing.T) {
	const (
		q, top, sub = description.Queue, description.Topic, description.Subscription
		std         = description.Standard
		sizes       = "[1024 2048 3072 4096 5120]"
	)
	for _, c := range []struct {
		e     description.Entity
		sku   string
		name  string
		given value.Value
		want  string
	}{
		{q, std, "LockDuration", "PT0.0000001S", ""},
		{q, std, "LockDuration", "PT5M", ""},
		{q, std, "LockDuration", "PT5M0.0000001S", "LockDuration 5m0.0000001s: want more than 0, at most 5 minutes"},
		{sub, std, "LockDuration", "PT6M", "LockDuration 6m0s: want more than 0, at most 5 minutes"},

		{q, std, "DefaultMessageTimeToLive", "PT1S", ""},
		{q, std, "DefaultMessageTimeToLive", "P9999D", ""},
		{q, std, "DefaultMessageTimeToLive", "PT0.9S", "DefaultMessageTimeToLive 900ms: want at least 1 s, in a Basic namespace at most 14 days"},
		{q, description.Basic, "DefaultMessageTimeToLive", "P14D", ""},
		{q, description.Basic, "DefaultMessageTimeToLive", "P14DT1S", "DefaultMessageTimeToLive 336h0m1s: want at least 1 s, in a Basic namespace at most 14 days"},
		{top, std, "DefaultMessageTimeToLive", "PT0.9S", "DefaultMessageTimeToLive 900ms: want at least 1 s, in a Basic namespace at most 14 days"},
		{sub, std, "DefaultMessageTimeToLive", "PT0.9S", "DefaultMessageTimeToLive 900ms: want at least 1 s, in a Basic namespace at most 14 days"},

		{q, std, "MaxDeliveryCount", int64(1), ""},
		{q, std, "MaxDeliveryCount", int64(2147483647), ""}, // as NServiceBus does
		{sub, std, "MaxDeliveryCount", int64(2147483647), ""},

		{q, std, "MaxSizeInMegabytes", int64(5120), ""},
		{q, std, "MaxSizeInMegabytes", int64(1), "MaxSizeInMegabytes 1: want one of " + sizes + " in a Standard namespace"},
		{q, std, "MaxSizeInMegabytes", int64(81920), "MaxSizeInMegabytes 81920: want one of " + sizes + " in a Standard namespace"},
		{q, description.Basic, "MaxSizeInMegabytes", int64(10240), "MaxSizeInMegabytes 10240: want one of " + sizes + " in a Basic namespace"},
		{q, description.Premium, "MaxSizeInMegabytes", int64(81920), ""},
		{top, description.Premium, "MaxSizeInMegabytes", int64(10240), ""},

		{q, std, "EnablePartitioning", true, ""},
		{top, description.Basic, "EnablePartitioning", true, ""},

		{q, std, "DuplicateDetectionHistoryTimeWindow", "PT20S", ""},
		{q, std, "DuplicateDetectionHistoryTimeWindow", "P7D", ""},
		{q, std, "DuplicateDetectionHistoryTimeWindow", "PT19.9999999S", "DuplicateDetectionHistoryTimeWindow 19.9999999s: want 20 s to 7 days"},
		{top, std, "DuplicateDetectionHistoryTimeWindow", "P8D", "DuplicateDetectionHistoryTimeWindow 192h0m0s: want 20 s to 7 days"},

		{q, std, "MaxMessageSize", int64(256), ""},
		{q, std, "MaxMessageSize", int64(1024), "MaxMessageSize 1048576: it can be set only in a Premium namespace"},
		{q, description.Premium, "MaxMessageSize", int64(1024), ""},
		{q, description.Premium, "MaxMessageSize", int64(102400), ""},
		{q, description.Premium, "MaxMessageSize", int64(102401), "MaxMessageSize 104858624: want 1024 to 102400 KiB"},
		{top, description.Premium, "MaxMessageSize", int64(256), "MaxMessageSize 262144: want 1024 to 102400 KiB"},

		{q, std, "Status", "ReceiveDisabled", ""},
		{top, std, "Status", "SendDisabled", ""},
		{top, std, "Status", "ReceiveDisabled", "Status ReceiveDisabled: want Active, Disabled or SendDisabled"},
		{sub, std, "Status", "ReceiveDisabled", ""},
		{sub, std, "Status", "SendDisabled", "Status SendDisabled: want Active, Disabled or ReceiveDisabled"},

		{q, std, "AutoDeleteOnIdle", "PT5M", ""},
		{top, std, "AutoDeleteOnIdle", "PT4M59.9999999S", "AutoDeleteOnIdle 4m59.9999999s: want at least 5 minutes"},
		{sub, description.Premium, "AutoDeleteOnIdle", "P9999D", ""},

		{q, std, "UserMetadata", strings.Repeat("ä", 1024), ""},
		{top, std, "UserMetadata", strings.Repeat("x", 1025), "UserMetadata : want at most 1024 characters"},
		{sub, std, "UserMetadata", strings.Repeat("x", 1025), "UserMetadata : want at most 1024 characters"},
	} {
		_, err := c.e.Normal(set(t, c.e, c.name, c.given), c.sku)
		if c.want == "" && err != nil {
			t.Errorf("%v in a %s namespace, %s = %v: got %v", c.e, c.sku, c.name, c.given, err)
		}
		invalid, ok := errors.AsType[*description.InvalidError](err)
		if c.want != "" && (!ok || invalid.Error() != c.want || invalid.Property != c.name) {
			t.Errorf("%v in a %s namespace, %s = %v: got %v, want %s", c.e, c.sku, c.name, c.given, err, c.want)
		}
	}
}

// TestCheck: one property is judged alone.
func TestCheck(t *testing.T) {
	o := description.Options{LockDuration: time.Hour, MaxDeliveryCount: -1, EnableExpress: true, ForwardTo: "x"}
	for name, want := range map[string]string{
		"LockDuration":     "LockDuration 1h0m0s: want more than 0, at most 5 minutes",
		"MaxDeliveryCount": "MaxDeliveryCount -1: want 1 to 2147483647",
		"EnableExpress":    "queue property EnableExpress is not supported",
		"Status":           "", "ForwardTo": "", "DefaultMessageTimeToLive": "", "AutoDeleteOnIdle": "",
	} {
		got := ""
		if err := description.Queue.Check(property(t, description.Queue, name), o, description.Standard); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
}

// TestNegative: what no client can write, a program can.
func TestNegative(t *testing.T) {
	for _, o := range []description.Options{
		{LockDuration: -1}, {DefaultMessageTimeToLive: -time.Hour}, {MaxDeliveryCount: -1}, {MaxSizeInMegabytes: -1024},
		{MaxMessageSize: -1}, {Status: "Deleting"}, {Status: "active"}, {DuplicateDetectionHistoryTimeWindow: -1},
	} {
		if _, err := description.Queue.Normal(o, description.Standard); err == nil {
			t.Errorf("%+v is not refused", o)
		}
	}
}

// TestUnsupported: what the broker does not have may have its default and is refused
// by name otherwise, of each entity that has it in Azure.
func TestUnsupported(t *testing.T) {
	refused := map[string]string{}
	for _, e := range entities {
		for _, p := range e.Properties() {
			for _, v := range examples[p.Name] {
				if !p.Unsupported {
					continue
				}
				_, err := e.Normal(set(t, e, p.Name, v), description.Standard)
				if v == false || v == foreverText {
					if err != nil {
						t.Errorf("%v: %s = %v: got %v", e, p.Name, v, err)
					}
					continue
				}
				want := e.String() + " property " + p.Name + " is not supported"
				if u, ok := errors.AsType[*description.UnsupportedError](err); !ok || u.Error() != want {
					t.Errorf("%v: %s = %v: got %v, want %s", e, p.Name, v, err, want)
				}
				refused[e.String()] += " " + p.Name
			}
		}
	}
	for entity, want := range map[string]string{
		"queue":        " EnableExpress",
		"topic":        " EnableExpress EnableSubscriptionPartitioning FilteringMessagesBeforePublishing",
		"subscription": " ClientAffine",
	} {
		if refused[entity] != want {
			t.Errorf("%s: refused are%s\nwant%s", entity, refused[entity], want)
		}
	}
}

// TestOfAnotherEntity: one struct serves all, but a property that an entity does not
// have is refused, not dropped.
func TestOfAnotherEntity(t *testing.T) {
	refused := 0
	for _, from := range entities {
		for _, p := range from.Properties() {
			for _, e := range entities {
				if p.Has.Contains(e) {
					continue
				}
				refused++
				_, err := e.Normal(set(t, from, p.Name, examples[p.Name][0]), description.Standard)
				want := p.Name + " is not a property of a " + e.String()
				if err == nil || err.Error() != want {
					t.Errorf("%v with %s: got %v, want %s", e, p.Name, err, want)
				}
			}
		}
	}
	if refused == 0 {
		t.Error("every entity has every property")
	}
}

// TestNotBasic has what nothing new in a Basic namespace can have [SB-SEM 1.4].
func TestNotBasic(t *testing.T) {
	for _, e := range entities {
		refused := ""
		for _, p := range e.Properties() {
			if p.Unsupported {
				continue
			}
			for _, v := range examples[p.Name] {
				o, err := e.Normal(set(t, e, p.Name, v), description.Standard)
				if err != nil {
					continue
				}
				if err := e.CheckNew(o, description.Standard); err != nil {
					t.Errorf("%v: %s in a Standard namespace: %v", e, p.Name, err)
				}
				if err := e.CheckNew(o, description.Basic); err != nil {
					refused += err.Error()
				}
			}
		}
		want := ""
		for _, name := range map[description.Entity][]string{
			description.Queue:        {"RequiresDuplicateDetection", "RequiresSession", "ForwardTo", "ForwardDeadLetteredMessagesTo", "AutoDeleteOnIdle"},
			description.Topic:        {"RequiresDuplicateDetection", "AutoDeleteOnIdle"},
			description.Subscription: {"RequiresSession", "ForwardTo", "ForwardDeadLetteredMessagesTo", "AutoDeleteOnIdle"}}[e] {
			want += name + " can't be chosen in a Basic namespace: it needs Standard or Premium"
		}
		if refused != want {
			t.Errorf("%v: in a Basic namespace: got %q, want %q", e, refused, want)
		}
	}
}

// TestPartitioned: the size of a partitioned entity is written for one partition and shown for
// all, and what is written as it is shown means the same [SB-SEM 1.1]. A Premium namespace has
// the partitions itself.
func TestPartitioned(t *testing.T) {
	for _, c := range []struct{ written, kept, shown int }{{0, 1024, 16384}, {2048, 2048, 32768}, {32768, 2048, 32768}, {81920, 5120, 81920}} {
		for _, e := range []description.Entity{description.Queue, description.Topic} {
			o, err := e.Normal(description.Options{EnablePartitioning: true, MaxSizeInMegabytes: c.written}, description.Standard)
			shown := property(t, e, "MaxSizeInMegabytes").Value(&o)
			if err != nil || o.MaxSizeInMegabytes != c.kept || shown != int64(c.shown) || o.MaxBytes() != int64(c.shown)<<20 {
				t.Errorf("%v of %d MiB: kept as %d, shown as %v, holds %d bytes, error %v", e, c.written, o.MaxSizeInMegabytes, shown, o.MaxBytes(), err)
			}
			if err := e.CheckNew(o, description.Standard); err != nil {
				t.Error(err)
			}
			const want = "EnablePartitioning can't be chosen in a Premium namespace: the partitions are those of the namespace"
			if err := e.CheckNew(o, description.Premium); err == nil || err.Error() != want {
				t.Errorf("in a Premium namespace: got error %v, want %s", err, want)
			}
		}
	}
	for _, size := range []int{1000, 16385, 6144 * 16} {
		if _, err := description.Queue.Normal(description.Options{EnablePartitioning: true, MaxSizeInMegabytes: size}, description.Standard); err == nil {
			t.Errorf("%d MiB is not refused", size)
		}
	}
	if _, err := description.Queue.Normal(description.Options{MaxSizeInMegabytes: 16384}, description.Standard); err == nil {
		t.Error("16384 MiB of a queue that is not partitioned is not refused")
	}
}

// TestUnchanged has what can be chosen only at creation [SB-SEM 1.1].
func TestUnchanged(t *testing.T) {
	for e, want := range map[description.Entity]string{
		description.Queue:        "RequiresDuplicateDetection RequiresSession EnablePartitioning",
		description.Topic:        "RequiresDuplicateDetection EnablePartitioning",
		description.Subscription: "RequiresSession ClientAffine",
	} {
		var fixed []string
		for _, p := range e.Properties() {
			old, err := e.Normal(description.Options{}, description.Standard)
			if err != nil {
				t.Fatal(err)
			}
			if e.Unchanged(old, old) != nil {
				t.Errorf("%v: %s differs from itself", e, e.Unchanged(old, old).Name)
			}
			changed := old
			for _, v := range examples[p.Name] {
				if err := p.Set(&changed, v); err != nil {
					t.Fatal(err)
				}
				if p.Value(&changed) != p.Value(&old) {
					break
				}
			}
			if got := e.Unchanged(old, changed); got != nil {
				fixed = append(fixed, got.Name)
			}
		}
		if got := strings.Join(fixed, " "); got != want {
			t.Errorf("%v: fixed are %s\nwant %s", e, got, want)
		}
	}
}

// TestDefaultKeeps: filling in defaults changes nothing that is given, and judges
// nothing.
func TestDefaultKeeps(t *testing.T) {
	no := false
	given := description.Options{LockDuration: time.Hour, ForwardTo: "x", Status: "odd", EnableBatchedOperations: &no}
	got := description.Queue.Default(given, description.Premium)
	if got.LockDuration != time.Hour || got.ForwardTo != "x" || got.Status != "odd" || *got.EnableBatchedOperations {
		t.Errorf("given options became %+v", got)
	}
	if got.MaxDeliveryCount != 10 || got.MaxMessageSize != 1<<20 || got.DefaultMessageTimeToLive != description.Forever {
		t.Errorf("the rest is %+v", got)
	}
	if got.DeadLetteringOnFilterEvaluationExceptions != nil || got.SupportOrdering != nil {
		t.Errorf("a queue got defaults of what it does not have: %+v", got)
	}
}
