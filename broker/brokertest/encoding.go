package brokertest

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"switchyard/broker"
	"switchyard/broker/filter"
)

// Encoding is a [broker.Encoding] for tests, whose messages can be read in a
// script: {name=value,name=value} and then the body. Names that begin with sys.
// are system properties; values are numbers, true, false, null or text.
type Encoding struct{}

// Compose returns a message with properties, each name=value.
func Compose(id string, properties []string, body string) *broker.Message {
	m := &broker.Message{}
	m.MessageID = id
	m.Encoding = Encoding{}
	m.Sections = []byte("{" + strings.Join(properties, ",") + "}" + body)
	return m
}

// Fields returns the properties of a message, each name=value, and its body.
func Fields(c *broker.Content) (properties []string, body string) {
	head, body, ok := strings.Cut(string(c.Sections), "}")
	if !ok || head == "" || head[0] != '{' {
		return nil, string(c.Sections)
	}
	if head = head[1:]; head != "" {
		properties = strings.Split(head, ",")
	}
	return properties, body
}

// Properties implements [broker.Encoding].
func (Encoding) Properties(c *broker.Content) filter.Properties {
	fields, _ := Fields(c)
	return properties{c, fields}
}

type properties struct {
	content *broker.Content
	fields  []string
}

func (p properties) System(s filter.SystemProperty) (filter.Value, bool) {
	switch s {
	case filter.MessageID:
		return p.content.MessageID, p.content.MessageID != ""
	case filter.Size:
		return int64(len(p.content.Sections)), true
	case filter.TimeToLive:
		return p.content.TimeToLive, p.content.TimeToLive > 0
	}
	v, ok := p.User("sys." + s.String())
	return v, ok && v != nil
}

func (p properties) User(name string) (filter.Value, bool) {
	for _, f := range p.fields {
		if n, v, _ := strings.Cut(f, "="); strings.EqualFold(n, name) {
			return value(v), true
		}
	}
	return nil, false
}

func value(s string) filter.Value {
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return n
	}
	if f, err := strconv.ParseFloat(s, 64); err == nil {
		return f
	}
	switch s {
	case "true", "false":
		return s == "true"
	case "null":
		return nil
	}
	return s
}

// Rewrite implements [broker.Encoding].
func (Encoding) Rewrite(c *broker.Content, changes []filter.Change) (broker.Content, error) {
	fields, body := Fields(c)
	out := *c
	for _, x := range changes {
		name := x.Name
		if x.System != 0 {
			name = "sys." + x.System.String()
		}
		switch x.System {
		case filter.MessageID:
			out.MessageID, _ = x.Value.(string)
			continue
		case filter.TimeToLive:
			out.TimeToLive, _ = x.Value.(time.Duration)
		case filter.ScheduledEnqueueTimeUTC:
			out.ScheduledFor, _ = x.Value.(time.Time)
		}
		fields = slices.DeleteFunc(fields, func(f string) bool {
			n, _, _ := strings.Cut(f, "=")
			return strings.EqualFold(n, name)
		})
		if !x.Remove && (x.System == 0 || x.Value != nil) {
			v := "null"
			if x.Value != nil {
				v = fmt.Sprint(x.Value)
			}
			fields = append(fields, name+"="+v)
		}
	}
	out.Sections = []byte("{" + strings.Join(fields, ",") + "}" + body)
	return out, nil
}
