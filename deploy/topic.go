package deploy

import (
	"fmt"
	"strings"

	"switchyard/broker"
	"switchyard/broker/description"
	"switchyard/broker/filter"
	"switchyard/value"
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

func (r *reader) topic(path string, v value.Value) Topic {
	o := r.object(path, v)
	r.members(path, o, "Name", "Properties", "Subscriptions")
	t := Topic{Name: r.entityName(path, o), Options: r.options(path, o, description.Topic)}
	seen := map[string]bool{}
	for i, v := range r.array(path+".Subscriptions", o, "Subscriptions") {
		at := fmt.Sprintf("%s.Subscriptions[%d]", path, i)
		s := r.subscription(at, v)
		if seen[strings.ToLower(s.Name)] {
			r.errorf(at+".Name", "subscription %q is there twice", s.Name)
		}
		seen[strings.ToLower(s.Name)] = true
		t.Subscriptions = append(t.Subscriptions, s)
	}
	return t
}

func (r *reader) subscription(path string, v value.Value) Subscription {
	o := r.object(path, v)
	r.members(path, o, "Name", "Properties", "Rules")
	s := Subscription{Name: r.name(path, o), Options: r.options(path, o, description.Subscription)}
	seen := map[string]bool{}
	for i, v := range r.array(path+".Rules", o, "Rules") {
		at := fmt.Sprintf("%s.Rules[%d]", path, i)
		rule := r.rule(at, v)
		if seen[strings.ToLower(rule.Name)] {
			r.errorf(at+".Name", "rule %q is there twice", rule.Name)
		}
		seen[strings.ToLower(rule.Name)] = true
		s.Rules = append(s.Rules, rule)
	}
	return s
}

func (r *reader) rule(path string, v value.Value) Rule {
	o := r.object(path, v)
	r.members(path, o, "Name", "Properties")
	rule := Rule{Name: r.name(path, o)}
	kind := ""
	properties(r, path, o, &rule.Options, func(opt *broker.RuleOptions, at string, m value.Member) {
		v := m.Value
		switch strings.ToLower(m.Name) {
		case "filtertype":
			kind = r.text(at, v)
		case "sqlfilter":
			opt.Filter.Expression = r.expression(at, v)
		case "action":
			opt.Action.Expression = r.expression(at, v)
		case "correlationfilter":
			opt.Filter.Correlation = r.correlation(at, v)
		default:
			r.errorf(at, "there is no such setting of a rule")
		}
	}, broker.RuleOptions.Validate)
	given := map[string]bool{"": true, "sql": rule.Options.Filter.Correlation == nil, "correlation": rule.Options.Filter.Correlation != nil}
	if ok, known := given[strings.ToLower(kind)]; !known || !ok {
		r.errorf(path+".Properties.FilterType", "%q is not Sql with a SqlFilter or Correlation with a CorrelationFilter", kind)
	}
	return rule
}

// expression reads the object around a SQL expression.
func (r *reader) expression(path string, v value.Value) string {
	if v == nil {
		return ""
	}
	o := r.object(path, v)
	r.members(path, o, "SqlExpression")
	e, _ := o.Lookup("SqlExpression")
	return r.text(path+".SqlExpression", e)
}

func (r *reader) correlation(path string, v value.Value) *filter.Correlation {
	if v == nil {
		return nil
	}
	c := &filter.Correlation{}
	to := map[string]**string{
		"contenttype": &c.ContentType, "correlationid": &c.CorrelationID, "label": &c.Label, "messageid": &c.MessageID,
		"replyto": &c.ReplyTo, "replytosessionid": &c.ReplyToSessionID, "sessionid": &c.SessionID, "to": &c.To,
	}
	for _, m := range r.object(path, v).Members() {
		at, name := path+"."+m.Name, strings.ToLower(m.Name)
		switch field, known := to[name]; {
		case known:
			if m.Value != nil {
				s := r.text(at, m.Value)
				*field = &s
			}
		case name == "properties":
			c.Properties = filter.Values{}
			for _, p := range r.object(at, m.Value).Members() {
				switch p.Value.(type) {
				case string, bool, int64, float64:
					c.Properties[p.Name] = p.Value
				default:
					r.errorf(at+"."+p.Name, "should be a text, a number, true or false")
				}
			}
		default:
			r.errorf(at, "there is no such property of a correlation filter")
		}
	}
	return c
}
