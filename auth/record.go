package auth

import (
	"encoding/json"
	"fmt"
)

// rulesRecord is the persistent form of the rules of one namespace or entity:
//
//	{"version":1,"rules":[rule…]}
type rulesRecord struct {
	Version int                 `json:"version"`
	Rules   []AuthorizationRule `json:"rules"`
}

const rulesVersion = 1

// EncodeRules writes rules with their keys in clear: a caller that
// stores the result seals it first.
func EncodeRules(rules []AuthorizationRule) []byte {
	b, err := json.Marshal(rulesRecord{rulesVersion, rules})
	if err != nil {
		panic(fmt.Sprintf("auth: rules that are not JSON: %v", err)) // names, rights and keys always are
	}
	return b
}

// DecodeRules reads what [EncodeRules] wrote.
func DecodeRules(b []byte) ([]AuthorizationRule, error) {
	var r rulesRecord
	if err := json.Unmarshal(b, &r); err != nil {
		return nil, fmt.Errorf("read authorization rules: %w", err)
	}
	if r.Version != rulesVersion {
		return nil, fmt.Errorf("read authorization rules: version %d is not supported", r.Version)
	}
	return r.Rules, validate(r.Rules)
}

func validate(rules []AuthorizationRule) error {
	for _, r := range rules {
		if err := r.Validate(); err != nil {
			return fmt.Errorf("read authorization rules: %w", err)
		}
	}
	return nil
}

// authorityRecord is the one record in which earlier versions kept all rules:
//
//	{"version":1,"namespaces":{"ns":{"":[rule…],"queue":[rule…]}}}
type authorityRecord struct {
	Version    int                                       `json:"version"`
	Namespaces map[string]map[string][]AuthorizationRule `json:"namespaces"`
}

const authorityVersion = 1

// DecodeAuthority reads the record in which earlier versions kept all rules, by the
// names of namespaces and the paths of entities ("": the namespace), in lower case.
func DecodeAuthority(b []byte) (map[string]map[string][]AuthorizationRule, error) {
	var r authorityRecord
	if err := json.Unmarshal(b, &r); err != nil {
		return nil, fmt.Errorf("read authorization rules: %w", err)
	}
	if r.Version != authorityVersion {
		return nil, fmt.Errorf("read authorization rules: version %d is not supported", r.Version)
	}
	for ns, entities := range r.Namespaces {
		for entity, rules := range entities {
			if err := validate(rules); err != nil {
				return nil, fmt.Errorf("namespace %q, entity %q: %w", ns, entity, err)
			}
		}
	}
	return r.Namespaces, nil
}
