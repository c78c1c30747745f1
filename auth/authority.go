package auth

import (
	"crypto/hmac"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// An Authority holds the authorization rules of namespaces and their entities
// and verifies what is presented against them. The zero value holds none. It is
// safe for concurrent use.
//
// Names of namespaces, entities and rules are looked up ignoring case when they
// are administered. The key name in a token must match exactly [SB-AMQP 4.4].
type Authority struct {
	mu sync.RWMutex
	// guarded by mu; by namespace, then by entity path ("": the namespace itself), in lower case
	namespaces map[string]map[string][]AuthorizationRule
	bearer     BearerVerifier // guarded by mu; nil: bearer tokens are refused
	roles      RoleSource     // guarded by mu; nil: bearer tokens have all rights
	unknown    string         // a key that counts as none; guarded by mu
}

// Refuse makes a key count as none, whatever rule has it: one that everybody knows. It is
// called before anything is verified.
func (a *Authority) Refuse(key string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.unknown = key
}

// counts reports whether a key is one to verify by. The caller holds mu.
func (a *Authority) counts(key string) bool { return key != "" && key != a.unknown }

// PutRule creates or replaces a rule of an entity, or of the namespace if
// entity is "". Errors wrap [ErrInvalidRule] or [ErrTooManyRules].
func (a *Authority) PutRule(ns, entity string, r AuthorizationRule) (created bool, err error) {
	if err := r.Validate(); err != nil {
		return false, err
	}
	ns, entity = strings.ToLower(ns), strings.ToLower(entity)
	a.mu.Lock()
	defer a.mu.Unlock()
	rules := a.namespaces[ns][entity]
	if i := indexRule(rules, r.Name); i >= 0 {
		rules[i] = r
		return false, nil
	}
	if len(rules) >= MaxRules {
		return false, fmt.Errorf("%w: there are %d already", ErrTooManyRules, MaxRules)
	}
	if a.namespaces == nil {
		a.namespaces = map[string]map[string][]AuthorizationRule{}
	}
	if a.namespaces[ns] == nil {
		a.namespaces[ns] = map[string][]AuthorizationRule{}
	}
	a.namespaces[ns][entity] = append(rules, r)
	return true, nil
}

// Rule returns one rule. The error wraps [ErrRuleNotFound].
func (a *Authority) Rule(ns, entity, name string) (AuthorizationRule, error) {
	a.mu.RLock()
	defer a.mu.RUnlock()
	rules := a.rules(ns, entity)
	if i := indexRule(rules, name); i >= 0 {
		return rules[i], nil
	}
	return AuthorizationRule{}, fmt.Errorf("%w: %q", ErrRuleNotFound, name)
}

// Rules returns the rules of an entity, or of the namespace if entity is "", in
// the order in which they were created.
func (a *Authority) Rules(ns, entity string) []AuthorizationRule {
	a.mu.RLock()
	defer a.mu.RUnlock()
	return slices.Clone(a.rules(ns, entity))
}

// DeleteRule removes a rule. The error wraps [ErrRuleNotFound].
func (a *Authority) DeleteRule(ns, entity, name string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	rules := a.rules(ns, entity)
	i := indexRule(rules, name)
	if i < 0 {
		return fmt.Errorf("%w: %q", ErrRuleNotFound, name)
	}
	a.namespaces[strings.ToLower(ns)][strings.ToLower(entity)] = slices.Delete(rules, i, i+1)
	return nil
}

// DeleteEntity removes all rules of an entity. Its name may be used again.
func (a *Authority) DeleteEntity(ns, entity string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if entity != "" {
		delete(a.namespaces[strings.ToLower(ns)], strings.ToLower(entity))
	}
}

// DeleteNamespace removes all rules of a namespace and its entities.
func (a *Authority) DeleteNamespace(ns string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.namespaces, strings.ToLower(ns))
}

func (a *Authority) rules(ns, entity string) []AuthorizationRule {
	return a.namespaces[strings.ToLower(ns)][strings.ToLower(entity)]
}

func indexRule(rules []AuthorizationRule, name string) int {
	return slices.IndexFunc(rules, func(r AuthorizationRule) bool { return strings.EqualFold(r.Name, name) })
}

// VerifySAS verifies a token that is presented for an audience [SB-AMQP 4.4].
// The rule may be defined on the audience's entity or on anything above it. A
// token for another namespace, or for something that is not the audience or
// above it, fails with [ErrScope]. Other errors wrap [ErrMalformed],
// [ErrUnknownKey], [ErrSignature] or [ErrExpired].
//
// The host in the token is compared, without its port, with the audience's;
// a token for the namespace's own name (ns or ns.anything) is good too, so a
// signature made for Azure's name works through any address of this machine.
func (a *Authority) VerifySAS(ns, token, audience string, now time.Time) (Grant, error) {
	sas, err := ParseSAS(token)
	if err != nil {
		return Grant{}, err
	}
	target, err := ParseResource(audience)
	if err != nil {
		return Grant{}, err
	}
	named := sas.Resource.Host == strings.ToLower(ns) ||
		strings.HasPrefix(sas.Resource.Host, strings.ToLower(ns)+".")
	if !named && !sameHost(sas.Resource.Host, target.Host) || !covers(sas.Resource.Path, target.Path) {
		return Grant{}, fmt.Errorf("%w: it is for %q, not for %q", ErrScope,
			sas.Resource.Host+"/"+sas.Resource.Path, target.Host+"/"+target.Path)
	}
	rule, entity, err := a.signer(ns, target.Path, sas)
	if err != nil {
		return Grant{}, err
	}
	if !now.Before(sas.Expires) {
		return Grant{}, &ExpiredError{Expires: sas.Expires}
	}
	return Grant{Path: strings.ToLower(target.Path), Rights: rule.Rights, Expires: sas.Expires,
		KeyName: rule.Name, Entity: entity != ""}, nil
}

// signer finds the rule whose key made the signature, from the path upwards, and the
// entity that has it, "" for the namespace: a queue and its namespace may have rules
// of the same name.
func (a *Authority) signer(ns, path string, sas *SAS) (_ AuthorizationRule, entity string, _ error) {
	a.mu.RLock()
	defer a.mu.RUnlock()
	err := fmt.Errorf("%w: %.80q", ErrUnknownKey, sas.KeyName)
	for _, scope := range scopes(path) {
		if !belongs(scope, path) {
			continue
		}
		for _, r := range a.rules(ns, scope) {
			if r.Name != sas.KeyName {
				continue
			}
			if a.counts(r.PrimaryKey) && sas.Verify(r.PrimaryKey) || a.counts(r.SecondaryKey) && sas.Verify(r.SecondaryKey) {
				return r, scope, nil
			}
			err = ErrSignature
		}
	}
	return AuthorizationRule{}, "", err
}

// VerifyKey verifies a key itself against the namespace's own rules: SASL PLAIN
// and connection strings within the process. The grant is for the whole
// namespace and never expires. Errors wrap [ErrUnknownKey] or [ErrSignature].
func (a *Authority) VerifyKey(ns, keyName, key string) (Grant, error) {
	a.mu.RLock()
	defer a.mu.RUnlock()
	for _, r := range a.rules(ns, "") {
		if r.Name != keyName {
			continue
		}
		if a.counts(key) && (sameKey(key, r.PrimaryKey) || sameKey(key, r.SecondaryKey)) {
			return Grant{Rights: r.Rights, KeyName: r.Name}, nil
		}
		return Grant{}, fmt.Errorf("%w: the key is not one of rule %q", ErrSignature, keyName)
	}
	return Grant{}, fmt.Errorf("%w: %.80q", ErrUnknownKey, keyName)
}

func sameKey(given, key string) bool { return key != "" && hmac.Equal([]byte(given), []byte(key)) }
