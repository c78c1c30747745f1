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
		return golden.Record{Name: name, Value: rules, Varies: true, // nobody writes it any more
			Decode: func(b []byte) (any, error) { return DecodeAuthority(b) }}
	}
	golden.Check(t, "authority", authorityVersion, func(int) []golden.Record {
		return []golden.Record{record("rules", rules), record("none", nil)}
	})
	golden.Check(t, "rules", rulesVersion, func(int) []golden.Record {
		var records []golden.Record
		for name, rules := range map[string][]AuthorizationRule{"full": rules["ns"][""], "least": rules["ns"]["q"], "none": nil} {
			records = append(records, golden.Record{Name: name, Value: rules,
				Encode: func() []byte { return EncodeRules(rules) },
				Decode: func(b []byte) (any, error) { return DecodeRules(b) }})
		}
		return records
	})
}
