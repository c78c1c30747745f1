package deploy

import (
	"strings"

	"switchyard/broker"
	"switchyard/broker/description"
	"switchyard/broker/filter"
	"switchyard/value/read"
)

// A Topic is a topic to create, with its subscriptions.
type Topic struct {
	Name          string
	Options       broker.TopicOptions
	Subscriptions []Subscription
}

// A Subscription is a subscription to create. Without rules it has the rule
// $Default, which lets everything pass; with rules it has exactly these.
type Subscription struct {
	Name    string
	Options broker.SubscriptionOptions
	Rules   []Rule
}

// A Rule is a rule of a subscription.
type Rule struct {
	Name    string
	Options broker.RuleOptions
}

func (f *configFile) topic(o *read.Members) (string, Topic) {
	o.Only("Name", "Properties", "Subscriptions")
	t := Topic{Name: nameOf(o, description.CheckPath), Options: f.options(o, description.Topic)}
	f.inTopic = t.Name
	t.Subscriptions = each(o, "Subscriptions", f.subscription, named{})
	return t.Name, t
}

func (f *configFile) subscription(o *read.Members) (string, Subscription) {
	o.Only("Name", "Properties", "Rules")
	s := Subscription{Name: nameOf(o, description.CheckSubscription),
		Options: f.options(o, description.Subscription)}
	f.forwarding(o, broker.SubscriptionPath(f.inTopic, s.Name), &s.Options)
	s.Rules = each(o, "Rules", f.rule, named{})
	return s.Name, s
}

func (f *configFile) rule(o *read.Members) (string, Rule) {
	o.Only("Name", "Properties")
	r := Rule{Name: nameOf(o, description.CheckRule)}
	before := len(f.diags)
	props, _ := o.Object("Properties")
	props.Only("FilterType", "SqlFilter", "CorrelationFilter", "Action")
	r.Options.Filter.Expression = expression(props, "SqlFilter", func(x string) broker.RuleOptions {
		return broker.RuleOptions{Filter: filter.Filter{Expression: x}}
	})
	r.Options.Action.Expression = expression(props, "Action", func(x string) broker.RuleOptions {
		return broker.RuleOptions{Action: filter.Action{Expression: x}}
	})
	if c, ok := props.Object("CorrelationFilter"); ok {
		r.Options.Filter.Correlation = correlation(c)
	}
	kind, _ := props.String("FilterType")
	isCorrelation := r.Options.Filter.Correlation != nil
	if kind != "" &&
		!strings.EqualFold(kind, map[bool]string{false: "Sql", true: "Correlation"}[isCorrelation]) {
		props.Fail("FilterType", "%q is not Sql with a SqlFilter or Correlation with a CorrelationFilter", kind)
	}
	if len(f.diags) == before && !isCorrelation && r.Options.Filter.Expression == "" {
		// What asks for a filter must never let everything through.
		props.Fail("SqlFilter", "must have an expression in SqlExpression: a rule needs a filter (1=1 lets "+
			"everything through)")
	}
	if len(f.diags) == before {
		if err := r.Options.Validate(); err != nil {
			o.Fail("Properties", "%v", err)
		}
	}
	return r.Name, r
}

// expression reads the object around a SQL expression, which is checked alone too, so
// that what is wrong is told with its own place.
func expression(props *read.Members, name string, options func(string) broker.RuleOptions) string {
	o, ok := props.Object(name)
	if !ok {
		return ""
	}
	o.Only("SqlExpression")
	x, _ := o.String("SqlExpression")
	if err := options(x).Validate(); err != nil {
		props.Fail(name, "%v", err)
	}
	return x
}

func correlation(o *read.Members) *filter.Correlation {
	c := &filter.Correlation{}
	for _, m := range []struct {
		name  string
		field **string
	}{
		{"ContentType", &c.ContentType}, {"CorrelationId", &c.CorrelationID}, {"Label", &c.Label},
		{"MessageId", &c.MessageID}, {"ReplyTo", &c.ReplyTo}, {"ReplyToSessionId", &c.ReplyToSessionID},
		{"SessionId", &c.SessionID}, {"To", &c.To},
	} {
		if s, ok := o.String(m.name); ok {
			*m.field = &s
		}
	}
	if p, ok := o.Object("Properties"); ok {
		c.Properties = filter.Values{}
		for _, m := range p.Raw().Members() {
			switch m.Value.(type) {
			case string, bool, int64, float64:
				c.Properties[m.Name] = m.Value
			default:
				p.Fail(m.Name, "should be a text, a number, true or false")
			}
		}
	}
	o.Close()
	return c
}
