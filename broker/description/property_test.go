package description_test

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"switchyard/broker/description"
	"switchyard/value"
)

var entities = []description.Entity{description.Queue, description.Topic, description.Subscription}

// property finds a row by the name in errors.
func property(t *testing.T, e description.Entity, name string) *description.Property {
	t.Helper()
	for _, p := range e.Properties() {
		if p.Name == name {
			return p
		}
	}
	t.Fatalf("a %v has no property %s", e, name)
	return nil
}

// TestEveryFieldHasARow: each field of Options belongs to one row, and its name in
// the record is the row's.
func TestEveryFieldHasARow(t *testing.T) {
	var o description.Options
	fields := map[any]reflect.StructField{}
	v := reflect.ValueOf(&o).Elem()
	for i := range v.NumField() {
		if v.Type().Field(i).Name == "Written" {
			continue // no property
		}
		fields[v.Field(i).Addr().Interface()] = v.Type().Field(i)
	}
	names := map[string]bool{}
	for _, e := range entities {
		for _, p := range e.Properties() {
			f, ok := fields[p.Field(&o)]
			if !ok {
				t.Errorf("%s: the field is not one of Options", p.Name)
			}
			if want := strings.ToLower(p.Name[:1]) + p.Name[1:] + ",omitempty"; f.Name != p.Name || f.Tag.Get("json") != want {
				t.Errorf("%s: field %s with the tag %q, want %q", p.Name, f.Name, f.Tag.Get("json"), want)
			}
			names[f.Name] = true
		}
	}
	if len(names) != len(fields) {
		t.Errorf("%d fields have rows, of %d", len(names), len(fields))
	}
}

// TestNamesAndPlaces: no two properties of an entity have the same name anywhere, and
// the positions in ARM's answers have neither gaps nor doubles.
func TestNamesAndPlaces(t *testing.T) {
	for _, e := range entities {
		seen := map[string]bool{}
		for _, p := range e.Properties() {
			for _, n := range []string{"name " + strings.ToLower(p.Name), "ARM " + strings.ToLower(p.ARMName()), "word " + p.Word} {
				if seen[n] && n != "word " {
					t.Errorf("%v: %s is there twice", e, n)
				}
				seen[n] = true
			}
		}
		for i, p := range e.ARMProperties() {
			if p.ARM[e] != i+1 || !p.Has.Contains(e) {
				t.Errorf("%v: %s has position %d, want %d", e, p.Name, p.ARM[e], i+1)
			}
		}
		for _, name := range e.Outputs() {
			if seen["ARM "+strings.ToLower(name)] {
				t.Errorf("%v: %s can be set and is an output", e, name)
			}
		}
	}
}

// TestARMBodies has the members of ARM's answers, in the order of Azure's [ARM 6.2]
// to [ARM 6.4].
func TestARMBodies(t *testing.T) {
	for e, want := range map[description.Entity]string{
		description.Queue: "maxMessageSizeInKilobytes lockDuration maxSizeInMegabytes requiresDuplicateDetection requiresSession defaultMessageTimeToLive " +
			"deadLetteringOnMessageExpiration enableBatchedOperations duplicateDetectionHistoryTimeWindow maxDeliveryCount status autoDeleteOnIdle " +
			"enablePartitioning enableExpress forwardTo forwardDeadLetteredMessagesTo userMetadata | sizeInBytes messageCount countDetails createdAt updatedAt accessedAt",
		description.Topic: "maxMessageSizeInKilobytes defaultMessageTimeToLive maxSizeInMegabytes requiresDuplicateDetection duplicateDetectionHistoryTimeWindow " +
			"enableBatchedOperations status supportOrdering autoDeleteOnIdle enablePartitioning enableExpress userMetadata | " +
			"sizeInBytes subscriptionCount countDetails createdAt updatedAt accessedAt",
		description.Subscription: "isClientAffine lockDuration requiresSession defaultMessageTimeToLive deadLetteringOnMessageExpiration " +
			"deadLetteringOnFilterEvaluationExceptions maxDeliveryCount status enableBatchedOperations autoDeleteOnIdle forwardTo " +
			"forwardDeadLetteredMessagesTo userMetadata | messageCount countDetails createdAt updatedAt accessedAt",
	} {
		var names []string
		for _, p := range e.ARMProperties() {
			names = append(names, p.ARMName())
		}
		if got := strings.Join(names, " ") + " | " + strings.Join(e.Outputs(), " "); got != want {
			t.Errorf("%v:\n got %s\nwant %s", e, got, want)
		}
	}
}

// TestFileProperties has the settings of a Config.json [SB-SEM 1.5]; their case does
// not matter.
func TestFileProperties(t *testing.T) {
	for e, names := range map[description.Entity]string{
		description.Queue: "LockDuration DefaultMessageTimeToLive DuplicateDetectionHistoryTimeWindow AutoDeleteOnIdle MaxDeliveryCount MaxSizeInMegabytes " +
			"DeadLetteringOnMessageExpiration RequiresDuplicateDetection RequiresSession EnablePartitioning ForwardTo ForwardDeadLetteredMessagesTo UserMetadata",
		description.Topic: "DefaultMessageTimeToLive DuplicateDetectionHistoryTimeWindow AutoDeleteOnIdle MaxSizeInMegabytes RequiresDuplicateDetection " +
			"EnablePartitioning UserMetadata",
		description.Subscription: "LockDuration DefaultMessageTimeToLive AutoDeleteOnIdle MaxDeliveryCount DeadLetteringOnMessageExpiration " +
			"DeadLetteringOnFilterEvaluationExceptions RequiresSession ForwardTo ForwardDeadLetteredMessagesTo UserMetadata",
	} {
		known := strings.Fields(names)
		for _, name := range known {
			if p := e.FileProperty(strings.ToUpper(name)); p == nil || p.Name != name {
				t.Errorf("%v: %s is %v", e, name, p)
			}
		}
		for _, p := range e.Properties() {
			if got := e.FileProperty(p.Name) != nil; got != (strings.Contains(" "+names+" ", " "+p.Name+" ")) {
				t.Errorf("%v: %s is a setting: %v", e, p.Name, got)
			}
		}
		if p := e.FileProperty("status"); p != nil {
			t.Errorf("%v: status is %s", e, p.Name)
		}
	}
}

// examples are values of each property as clients write them, canonical.
var examples = map[string][]value.Value{
	"LockDuration":                              {"PT30S", "PT5M"},
	"DefaultMessageTimeToLive":                  {"PT1S", "P14D", foreverText},
	"DuplicateDetectionHistoryTimeWindow":       {"PT20S", "P7D"},
	"AutoDeleteOnIdle":                          {"PT5M", foreverText},
	"MaxDeliveryCount":                          {int64(1), int64(2001), int64(2147483647)},
	"MaxSizeInMegabytes":                        {int64(1024), int64(81920)},
	"MaxMessageSize":                            {int64(256), int64(102400)},
	"Status":                                    {"Active", "Disabled", "SendDisabled", "ReceiveDisabled"},
	"UserMetadata":                              {"who made this"},
	"ForwardTo":                                 {"other"},
	"ForwardDeadLetteredMessagesTo":             {"dead"},
	"DeadLetteringOnMessageExpiration":          {true, false},
	"DeadLetteringOnFilterEvaluationExceptions": {true, false},
	"EnableBatchedOperations":                   {true, false},
	"SupportOrdering":                           {true, false},
	"RequiresSession":                           {true, false},
	"RequiresDuplicateDetection":                {true, false},
	"EnablePartitioning":                        {true, false},
	"EnableExpress":                             {true, false},
	"EnableSubscriptionPartitioning":            {true, false},
	"FilteringMessagesBeforePublishing":         {true, false},
	"ClientAffine":                              {true, false},
}

// TestRoundTrip: what is set is shown again.
func TestRoundTrip(t *testing.T) {
	for _, e := range entities {
		for _, p := range e.Properties() {
			if examples[p.Name] == nil {
				t.Errorf("%s: there is no example", p.Name)
			}
			for _, v := range examples[p.Name] {
				var o description.Options
				if err := p.Set(&o, v); err != nil || p.Value(&o) != v {
					t.Errorf("%v: %s = %v is shown as %v (%v)", e, p.Name, v, p.Value(&o), err)
				}
			}
		}
	}
}

// TestValues: what is written in another way has the same value.
func TestValues(t *testing.T) {
	for _, c := range []struct {
		name       string
		given, got value.Value
	}{
		{"LockDuration", "PT60S", "PT1M"}, {"LockDuration", "PT0H1M0.0S", "PT1M"}, {"LockDuration", "PT.5S", "PT0.5S"},
		{"DefaultMessageTimeToLive", "P2M", "P60D"}, {"DefaultMessageTimeToLive", "P300Y", foreverText},
		{"Status", "senddisabled", "SendDisabled"}, {"Status", "ACTIVE", "Active"},
		{"ForwardTo", "", nil}, {"ForwardTo", nil, nil}, {"UserMetadata", nil, nil},
	} {
		var o description.Options
		p := property(t, description.Queue, c.name)
		err := p.Set(&o, c.given)
		o.Written = nil
		if err != nil || p.Value(&o) != c.got {
			t.Errorf("%s = %v: got %v, %v, want %v", c.name, c.given, p.Value(&o), err, c.got)
		}
	}
}

func kind(k value.Kind) string { return fmt.Sprint("should be of kind ", k) }

// TestSetRefuses has each kind with what is no value of it, whatever the entity.
func TestSetRefuses(t *testing.T) {
	for _, c := range []struct {
		name  string
		given value.Value
		want  string
	}{
		{"LockDuration", int64(60), kind(value.KindString)},
		{"LockDuration", nil, kind(value.KindString)},
		{"LockDuration", "1 minute", "'1 minute' is not an ISO 8601 duration such as PT1M or P14D"},
		{"LockDuration", "00:01:00", "'00:01:00' is not an ISO 8601 duration such as PT1M or P14D"},
		{"LockDuration", "PT0S", "'PT0S' is not more than zero"},
		{"LockDuration", "PT0.00000001S", "'PT0.00000001S' is not more than zero"},
		{"MaxDeliveryCount", "10", kind(value.KindInt)},
		{"MaxDeliveryCount", 1.5, kind(value.KindInt)},
		{"MaxDeliveryCount", int64(0), "0 is not from 1 to 2147483647"},
		{"MaxDeliveryCount", int64(1) << 31, "2147483648 is not from 1 to 2147483647"},
		{"MaxMessageSize", true, kind(value.KindInt)},
		{"MaxMessageSize", int64(-1), "-1 is not from 1 to 2147483647"},
		{"RequiresSession", "true", kind(value.KindBool)},
		{"EnableBatchedOperations", int64(1), kind(value.KindBool)},
		{"EnableBatchedOperations", value.Array{}, kind(value.KindBool)},
		{"Status", true, kind(value.KindString)},
		{"Status", "Deleting", "'Deleting' is not Active, Disabled, SendDisabled or ReceiveDisabled"},
		{"UserMetadata", value.NewObject(), kind(value.KindString)},
	} {
		var o description.Options
		err := property(t, description.Queue, c.name).Set(&o, c.given)
		got := fmt.Sprint(err)
		if k, ok := errors.AsType[*description.KindError](err); ok && reflect.DeepEqual(k.Got, c.given) {
			got = kind(k.Want)
		}
		if got != c.want {
			t.Errorf("%s = %v: got %v, want %s", c.name, c.given, err, c.want)
		}
	}
}

// FuzzSet: whatever a client writes is refused, or shown so that it reads as the same
// again, in an entity as in another one.
func FuzzSet(f *testing.F) {
	for _, s := range []string{`"PT60S"`, `"Active"`, `10`, `true`, `null`, `1.5`, `{}`, `-1`, `"P99999999Y"`, `9223372036854775807`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		v, err := value.Parse(text)
		if err != nil {
			return
		}
		for _, e := range entities {
			for _, p := range e.Properties() {
				var o, again description.Options
				if p.Set(&o, v) != nil {
					continue
				}
				shown := p.Value(&o)
				if shown == nil {
					shown = ""
				}
				if err := p.Set(&again, shown); err != nil || !reflect.DeepEqual(o, again) {
					t.Fatalf("%v: %s = %s is shown as %v and read again as %+v, %v, want %+v", e, p.Name, text, shown, again, err, o)
				}
			}
		}
	})
}
