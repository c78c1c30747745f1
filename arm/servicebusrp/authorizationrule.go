package servicebusrp

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"switchyard/arm"
	"switchyard/auth"
	"switchyard/broker"
	"switchyard/commit"
	"switchyard/value"
)

// handleRule answers for authorization rules of a namespace, a queue or a topic
// [ARM 6.6].
func (p *Provider) handleRule(ctx context.Context, r *arm.Request) (*arm.Response, error) {
	ns, entity := r.ID.Names[0], entityPath(r.ID)
	if entity != "" {
		path, err := p.existing(r.ID)
		if err != nil {
			return nil, p.fail(r, parentError(r, r.ID.Parent(), err))
		}
		entity = path
	}
	e, err := p.namespaceOf(r.ID)
	if err != nil {
		return nil, parentError(r, namespaceID(r.ID), err)
	}
	scope := ruleScope{envelope: e, entity: entity, types: r.ID.Types}
	if r.Collection {
		return arm.PageOf(r, p.o.Authority.Rules(ns, entity), arm.PageSize, scope.object)
	}
	name := r.ID.Name()
	switch {
	case r.Method == http.MethodPost && r.Action == "listkeys":
		rule, err := p.o.Authority.Rule(ns, entity, name)
		if err != nil {
			return nil, p.ruleError(r, err)
		}
		return arm.OK(p.keys(scope, rule)), nil
	case r.Method == http.MethodPost && r.Action == "regeneratekeys":
		return p.regenerateKeys(ctx, r, scope)
	case r.Action != "":
		return nil, arm.MethodNotAllowed(r)
	case r.Method == http.MethodGet:
		rule, err := p.o.Authority.Rule(ns, entity, name)
		if err != nil {
			return nil, p.ruleError(r, err)
		}
		return arm.OK(scope.object(rule)), nil
	case r.Method == http.MethodPut:
		return p.putRule(ctx, r, scope)
	case r.Method == http.MethodDelete:
		return p.deleteRule(ctx, r, scope)
	}
	return nil, arm.MethodNotAllowed(r)
}

// entityPath is the path by which auth knows what a request is about.
func entityPath(id arm.ResourceID) string {
	switch {
	case len(id.Names) > 2 && len(id.Types) > 2 && id.Types[2] == "subscriptions":
		return broker.SubscriptionPath(id.Names[1], id.Names[2])
	case len(id.Names) > 1 && (id.Types[1] == "queues" || id.Types[1] == "topics"):
		return id.Names[1]
	}
	return ""
}

// existing finds the queue or the topic that a rule belongs to and returns its
// path as it was created.
func (p *Provider) existing(id arm.ResourceID) (string, error) {
	if id.Types[1] == "topics" {
		t, err := p.o.Topics.Topic(id.Names[0], id.Names[1])
		if err != nil {
			return "", err
		}
		return t.Path(), nil
	}
	info, err := p.queue(id.Names[0], id.Names[1])
	return info.Path, err
}

// ruleScope is what authorization rules are defined on.
type ruleScope struct {
	envelope
	entity string // "": the namespace
	types  []string
}

func (s ruleScope) object(rule auth.AuthorizationRule) *value.Object {
	id, typ := s.id(), "Microsoft.ServiceBus/Namespaces/AuthorizationRules"
	if s.entity != "" {
		id = id.Child(s.types[1], s.entity)
		typ = "Microsoft.ServiceBus/namespaces/" + s.types[1] + "/authorizationRules"
	}
	rights := value.Array{}
	for _, name := range []string{"Listen", "Manage", "Send"} {
		if right, err := auth.ParseRights([]string{name}); err == nil && rule.Rights&right != 0 {
			rights = append(rights, name)
		}
	}
	return object("id", id.Child(s.types[len(s.types)-1], rule.Name).String(), "name", rule.Name, "type", typ,
		"location", s.Location,
		"properties", object("rights", rights))
}

func (p *Provider) keys(s ruleScope, rule auth.AuthorizationRule) *value.Object {
	o := value.NewObject()
	connection := func(name, key string) {
		if key != "" {
			o.Set(name, p.o.ConnectionString(s.Name, s.entity, rule.Name, key))
		}
	}
	connection("primaryConnectionString", rule.PrimaryKey)
	connection("secondaryConnectionString", rule.SecondaryKey)
	o.Set("primaryKey", rule.PrimaryKey)
	o.Set("secondaryKey", rule.SecondaryKey)
	o.Set("keyName", rule.Name)
	return o
}

func (p *Provider) ruleError(r *arm.Request, err error) error {
	if errors.Is(err, auth.ErrRuleNotFound) {
		return p.notFound(r)
	}
	return p.fail(r, err)
}

// putRule creates a rule with new keys, or changes the rights of one.
func (p *Provider) putRule(ctx context.Context, r *arm.Request, s ruleScope) (*arm.Response, error) {
	body := arm.Read(r.Body, arm.BadRequest)
	props, _ := body.Object("properties")
	names, ok := props.Strings("rights")
	if !ok || len(names) == 0 {
		props.Fail("rights", "it must name one of Send, Listen and Manage")
	}
	props.Close()
	body.Ignore("id", "name", "type", "location", "systemData")
	body.Close()
	if err := body.Err(); err != nil {
		return nil, err
	}
	rights, err := auth.ParseRights(names)
	if err != nil {
		return nil, p.fail(r, err)
	}
	p.changing.Lock()
	defer p.changing.Unlock()
	if err := p.stillThere(r, s); err != nil {
		return nil, err
	}
	now := p.o.Clock.Now().UTC()
	rule, err := p.o.Authority.Rule(s.Name, s.entity, r.ID.Name())
	exists := err == nil
	if err := r.Precondition(exists, ""); err != nil {
		return nil, err
	}
	if exists {
		rule.Rights = rights
	} else if rule, err = auth.NewRule(r.ID.Name(), rights, p.o.Rand); err != nil {
		return nil, p.fail(r, err)
	} else {
		rule.CreatedAt = now
	}
	if strings.EqualFold(rule.Name, auth.DefaultRuleName) && s.entity == "" && rights&auth.Manage == 0 {
		return nil, p.refused(r, "The rights of the rule %s can't be reduced", auth.DefaultRuleName)
	}
	rule.ModifiedAt = now
	if err := p.saveRule(ctx, s, rule); err != nil {
		return nil, p.fail(r, err)
	}
	return arm.OK(s.object(rule)), nil
}

// stillThere is called with changing held: what a rule is defined on must not have
// been deleted meanwhile.
func (p *Provider) stillThere(r *arm.Request, s ruleScope) error {
	if _, err := p.namespaceOf(r.ID); err != nil {
		return parentError(r, namespaceID(r.ID), err)
	}
	if s.entity == "" {
		return nil
	}
	_, err := p.existing(r.ID)
	if err != nil {
		return p.fail(r, parentError(r, r.ID.Parent(), err))
	}
	return nil
}

// saveRule is called with changing held.
func (p *Provider) saveRule(ctx context.Context, s ruleScope, rule auth.AuthorizationRule) error {
	return p.changeRules(ctx, p.apply, s, func() error {
		_, err := p.o.Authority.PutRule(s.Name, s.entity, rule)
		return err
	})
}

// changeRules makes a change of the authority, and what the rules are then, durable.
// The log is asked first: the authority can't be told to forget a change. do is apply
// or free.
func (p *Provider) changeRules(ctx context.Context,
	do func(context.Context, commit.Effect, func(*commit.Unit)) error, s ruleScope, change func() error) error {
	err := do(ctx, commit.EffectFunc(func(u *commit.Unit) (release func(), err error) {
		if err := change(); err != nil {
			return nil, err
		}
		return p.o.Broker.AccessEffect(s.Name, s.entity,
			p.o.SealRules(p.o.Authority.Rules(s.Name, s.entity))).Stage(u)
	}), nil)
	if err == nil && s.entity == "" {
		p.o.Changed(s.Name, false)
	}
	return err
}

func (p *Provider) deleteRule(ctx context.Context, r *arm.Request, s ruleScope) (*arm.Response, error) {
	if s.entity == "" && strings.EqualFold(r.ID.Name(), auth.DefaultRuleName) {
		return nil, p.refused(r, "The rule %s of a namespace can't be deleted", auth.DefaultRuleName)
	}
	p.changing.Lock()
	defer p.changing.Unlock()
	err := p.changeRules(ctx, p.free, s, func() error { return p.o.Authority.DeleteRule(s.Name, s.entity, r.ID.Name()) })
	if errors.Is(err, auth.ErrRuleNotFound) {
		return arm.NoContent(), nil
	}
	if err != nil {
		return nil, p.fail(r, err)
	}
	return arm.OK(nil), nil
}

// regenerateKeys replaces one key, by a given one or a random one.
func (p *Provider) regenerateKeys(ctx context.Context, r *arm.Request, s ruleScope) (*arm.Response, error) {
	body := arm.Read(r.Body, arm.BadRequest)
	kind, _ := body.String("keyType")
	key, _ := body.String("key")
	if !strings.EqualFold(kind, "PrimaryKey") && !strings.EqualFold(kind, "SecondaryKey") {
		body.Fail("keyType", "'%s' is not PrimaryKey or SecondaryKey", kind)
	}
	body.Close()
	if err := body.Err(); err != nil {
		return nil, err
	}
	p.changing.Lock()
	defer p.changing.Unlock()
	rule, err := p.o.Authority.Rule(s.Name, s.entity, r.ID.Name())
	if err != nil {
		return nil, p.ruleError(r, err)
	}
	if key == "" {
		if key, err = auth.GenerateKey(p.o.Rand); err != nil {
			return nil, err
		}
	}
	if strings.EqualFold(kind, "PrimaryKey") {
		rule.PrimaryKey = key
	} else {
		rule.SecondaryKey = key
	}
	rule.ModifiedAt = p.o.Clock.Now().UTC()
	if err := p.saveRule(ctx, s, rule); err != nil {
		return nil, p.fail(r, err)
	}
	return arm.OK(p.keys(s, rule)), nil
}
