package servicebusrp

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"switchyard/arm"
	"switchyard/broker"
	"switchyard/broker/description"
	"switchyard/broker/filter"
	"switchyard/value"
)

// compatibilityLevel is the only version of the SQL of rules.
const compatibilityLevel = int64(20)

// handleFilterRule answers for the rules of a subscription [ARM 6.5].
func (p *Provider) handleFilterRule(ctx context.Context, r *arm.Request) (*arm.Response, error) {
	ns := r.ID.Names[0]
	sub, err := p.o.Topics.Subscription(ns, r.ID.Names[1], r.ID.Names[2])
	if err != nil {
		return nil, p.fail(r, parentError(r, subscriptionIDOf(r.ID), err))
	}
	e, err := p.namespaceOf(r.ID)
	if err != nil {
		return nil, parentError(r, namespaceID(r.ID), err)
	}
	scope := filterScope{e, sub}
	switch {
	case r.Action != "":
		return nil, arm.MethodNotAllowed(r)
	case r.Collection:
		rules, err := p.o.Topics.Rules(ns, sub.Topic, sub.Name)
		if err != nil {
			return nil, p.fail(r, err)
		}
		return arm.PageOf(r, rules, arm.PageSize, scope.object)
	case r.Method == http.MethodGet:
		return p.answerFilterRule(r, scope)
	case r.Method == http.MethodPut:
		return p.putFilterRule(ctx, r, scope)
	case r.Method == http.MethodDelete:
		p.changing.Lock()
		defer p.changing.Unlock()
		err := p.free(ctx, p.o.Topics.DeleteRuleEffect(ns, sub.Topic, sub.Name, r.ID.Names[3]), nil)
		if errors.Is(err, broker.ErrRuleNotFound) {
			return arm.NoContent(), nil
		}
		if err != nil {
			return nil, p.fail(r, err)
		}
		return arm.OK(nil), nil
	}
	return nil, arm.MethodNotAllowed(r)
}

// subscriptionIDOf is the subscription that a rule is in.
func subscriptionIDOf(id arm.ResourceID) arm.ResourceID {
	id.Types, id.Names = id.Types[:3], id.Names[:3]
	return id
}

// filterScope is the subscription that rules belong to.
type filterScope struct {
	envelope
	sub broker.SubscriptionInfo
}

func (p *Provider) answerFilterRule(r *arm.Request, s filterScope) (*arm.Response, error) {
	rules, err := p.o.Topics.Rules(s.Name, s.sub.Topic, s.sub.Name)
	if err != nil {
		return nil, p.fail(r, err)
	}
	i := slices.IndexFunc(rules,
		func(x broker.RuleInfo) bool { return strings.EqualFold(x.Name, r.ID.Names[3]) })
	if i < 0 {
		return nil, p.notFound(r)
	}
	return arm.OK(s.object(rules[i])), nil
}

func (s filterScope) object(i broker.RuleInfo) *value.Object {
	props := object("action", value.NewObject())
	if a := i.Options.Action; !a.IsZero() {
		props.Set("action", object("sqlExpression", a.Expression, "compatibilityLevel", compatibilityLevel))
	}
	f := i.Options.Filter
	if f.Correlation != nil {
		props.Set("filterType", string(filter.CorrelationType))
		props.Set("correlationFilter", correlationObject(f.Correlation))
	} else {
		props.Set("filterType", string(filter.SQLType))
		props.Set("sqlFilter", object("sqlExpression", f.Expression, "compatibilityLevel", compatibilityLevel))
	}
	return object("id", s.subscriptionID(s.sub.Topic, s.sub.Name).Child("rules", i.Name).String(),
		"name", i.Name,
		"type", "Microsoft.ServiceBus/namespaces/topics/subscriptions/rules", "location", s.Location,
		"properties", props)
}

// correlationMember is one of the system properties of a correlation filter.
type correlationMember struct {
	name  string
	field func(c *filter.Correlation) **string
}

var correlationMembers = []correlationMember{
	{"correlationId", func(c *filter.Correlation) **string { return &c.CorrelationID }},
	{"messageId", func(c *filter.Correlation) **string { return &c.MessageID }},
	{"to", func(c *filter.Correlation) **string { return &c.To }},
	{"replyTo", func(c *filter.Correlation) **string { return &c.ReplyTo }},
	{"label", func(c *filter.Correlation) **string { return &c.Label }},
	{"sessionId", func(c *filter.Correlation) **string { return &c.SessionID }},
	{"replyToSessionId", func(c *filter.Correlation) **string { return &c.ReplyToSessionID }},
	{"contentType", func(c *filter.Correlation) **string { return &c.ContentType }},
}

func correlationObject(c *filter.Correlation) *value.Object {
	o := value.NewObject()
	for _, m := range correlationMembers {
		if v := *m.field(c); v != nil {
			o.Set(m.name, *v)
		}
	}
	if len(c.Properties) > 0 {
		names := make([]string, 0, len(c.Properties))
		for name := range c.Properties {
			names = append(names, name)
		}
		slices.Sort(names)
		props := value.NewObject()
		for _, name := range names {
			// Another front door may have given a number or a time: it is shown as
			// text, for this one has only texts.
			props.Set(name, valueText(c.Properties[name]))
		}
		o.Set("properties", props)
	}
	return o
}

func valueText(v filter.Value) string {
	switch v := v.(type) {
	case time.Time:
		return arm.FormatTime(v)
	case time.Duration:
		return description.FormatDuration(v)
	case filter.UUID:
		return v.String()
	case []byte:
		return base64.StdEncoding.EncodeToString(v)
	}
	return value.Text(v)
}

func (p *Provider) putFilterRule(ctx context.Context, r *arm.Request, s filterScope) (*arm.Response, error) {
	o, err := readFilterRule(r)
	if err != nil {
		return nil, err
	}
	p.changing.Lock()
	defer p.changing.Unlock()
	rules, err := p.o.Topics.Rules(s.Name, s.sub.Topic, s.sub.Name)
	if err != nil {
		return nil, p.fail(r, err)
	}
	name := r.ID.Names[3]
	exists := slices.ContainsFunc(rules, func(x broker.RuleInfo) bool { return strings.EqualFold(x.Name, name) })
	if err := r.Precondition(exists, ""); err != nil {
		return nil, err
	}
	if err := p.apply(ctx,
		p.o.Topics.PutRuleEffect(s.Name, s.sub.Topic, s.sub.Name, name, o, broker.DropAutomatic), nil); err != nil {
		return nil, p.fail(r, err)
	}
	return p.answerFilterRule(r, s)
}

// readFilterRule reads a rule. Its kind is told by the filter that is given.
func readFilterRule(r *arm.Request) (broker.RuleOptions, error) {
	var o broker.RuleOptions
	body, props := beginBody(r)
	kind, _ := props.String("filterType")
	sql, hasSQL := props.Object("sqlFilter")
	correlation, hasCorrelation := props.Object("correlationFilter")
	isCorrelation := strings.EqualFold(kind, string(filter.CorrelationType)) ||
		kind == "" && hasCorrelation && !hasSQL
	switch {
	case kind != "" && !isCorrelation && !strings.EqualFold(kind, string(filter.SQLType)):
		props.Fail("filterType", "'%.40s' is not SqlFilter or CorrelationFilter", kind)
	case isCorrelation && hasSQL:
		props.Fail("sqlFilter", "the filter is a CorrelationFilter")
	case !isCorrelation && hasCorrelation:
		props.Fail("correlationFilter", "the filter is a SqlFilter")
	case isCorrelation:
		o.Filter.Type, o.Filter.Correlation = filter.CorrelationType, readCorrelation(correlation)
	default:
		o.Filter.Expression = readSQL(sql)
	}
	if action, ok := props.Object("action"); ok {
		o.Action.Expression = readSQL(action)
	}
	return o, finishBody(body, props)
}

// readSQL reads a SQL filter or action.
func readSQL(r *arm.Reader) string {
	text, _ := r.String("sqlExpression")
	if level, ok := r.Int("compatibilityLevel"); ok && level != compatibilityLevel {
		r.Fail("compatibilityLevel", "%d is not %d", level, compatibilityLevel)
	}
	r.Ignore("requiresPreprocessing") // always so, and not echoed
	if v, ok := r.Value("parameters"); ok && !isEmpty(v) {
		r.Fail("parameters", "parameters are not supported here")
	}
	r.Close()
	return text
}

func readCorrelation(r *arm.Reader) *filter.Correlation {
	c := &filter.Correlation{}
	for _, m := range correlationMembers {
		if v, ok := r.String(m.name); ok {
			*m.field(c) = &v
		}
	}
	if props, ok := r.StringMap("properties"); ok && props.Len() > 0 {
		c.Properties = filter.Values{}
		for _, m := range props.Members() {
			c.Properties[m.Name] = m.Value.(string) // StringMap has seen to it
		}
	}
	r.Ignore("requiresPreprocessing")
	r.Close()
	return c
}
