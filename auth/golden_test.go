package auth

import (
	"testing"
	"time"

	"switchyard/internal/golden"
)

func TestGoldenAuthority(t *testing.T) {
	at := time.Date(2026, 11, 22, 1, 2, 3, 4_000_000, time.UTC)
	full := AuthorizationRule{Name: "All", PrimaryKey: "p", SecondaryKey: "s", Rights: Manage | Listen | Send,
		CreatedAt: at, ModifiedAt: at.Add(time.Second)}
	golden.WantFull(t, full)
	rules := map[string]map[string][]AuthorizationRule{"ns": {
		"":                  {full, {Name: "Send", PrimaryKey: "p", Rights: Send}},
		"q":                 {{Name: "Listen", PrimaryKey: "p", Rights: Listen}},
		"t/subscriptions/s": {{Name: "Both", PrimaryKey: "p", Rights: Listen | Send}},
	}}
	record := func(name string, rules map[string]map[string][]AuthorizationRule) golden.Record {
		return golden.Record{Name: name, Value: rules,
			Encode: func() []byte {
				b, err := (&Authority{namespaces: rules}).MarshalJSON()
				if err != nil {
					t.Fatal(err)
				}
				return b
			},
			Decode: func(b []byte) (any, error) {
				var a Authority
				err := a.UnmarshalJSON(b)
				return a.namespaces, err
			}}
	}
	golden.Check(t, "authority", authorityVersion, func(int) []golden.Record {
		return []golden.Record{record("rules", rules), record("none", nil)}
	})
}
