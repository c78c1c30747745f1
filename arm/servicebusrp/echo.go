package servicebusrp

import (
	"encoding/json"
	"net/url"
	"strings"

	"switchyard/arm"
	"switchyard/broker"
	"switchyard/broker/description"
	"switchyard/commit"
	"switchyard/value"
)

// Durations are echoed as given [ARM 6.2]: PT60S stays PT60S. The broker keeps
// the value; what is kept here is how it was written, where that is not how the
// provider itself would write it. A text whose value is not the broker's any
// more, because another front door changed it, is not used.

const (
	echoPrefix  = "servicebus/echo/"
	echoVersion = 1
)

// echo is the durations of one entity by the names of their properties.
type echo map[string]string

type echoRecord struct {
	Version   int  `json:"version"`
	Durations echo `json:"durations"`
}

func echoKey(ns, entity string) string {
	return echoPrefix + strings.ToLower(ns) + "/" + url.PathEscape(strings.ToLower(entity))
}

// echoOf reads what is kept of an entity. It is only a matter of spelling, so
// what can't be read is as if it were not there.
func (p *Provider) echoOf(ns, entity string) echo {
	b, err := p.o.Store.Get(echoKey(ns, entity))
	if err != nil {
		return nil
	}
	var r echoRecord
	if json.Unmarshal(b, &r) != nil || r.Version != echoVersion {
		return nil
	}
	return r.Durations
}

// of returns a property's value, a duration as it was written.
func (e echo) of(row *description.Property, v value.Value) value.Value {
	s, ok := e[row.ARMName()]
	if d, err := description.ParseDuration(s); ok && err == nil && description.FormatDuration(d) == v {
		return s
	}
	return v
}

// putEcho writes what is to be kept of an entity, or removes it.
func (p *Provider) putEcho(u *commit.Unit, ns, entity string, e echo) {
	if len(e) == 0 {
		p.o.Store.Delete(u, echoKey(ns, entity))
		return
	}
	b, err := json.Marshal(echoRecord{echoVersion, e})
	if err != nil {
		panic("servicebusrp: durations that are not JSON: " + err.Error())
	}
	p.o.Store.Put(u, echoKey(ns, entity), b)
}

// deleteEcho removes what is kept of an entity, and of the subscriptions of a
// topic; of the whole namespace if entity is "".
func (p *Provider) deleteEcho(u *commit.Unit, ns, entity string) error {
	prefix := echoKey(ns, "")
	if entity != "" {
		p.o.Store.Delete(u, echoKey(ns, entity))
		prefix = echoKey(ns, broker.SubscriptionPath(entity, ""))
	}
	return p.o.Store.List(prefix, func(key string, _ []byte) error {
		p.o.Store.Delete(u, key)
		return nil
	})
}

// entityPath is the path by which auth and the echo know what a request is about.
func entityPath(id arm.ResourceID) string {
	switch {
	case len(id.Names) > 2 && len(id.Types) > 2 && id.Types[2] == "subscriptions":
		return broker.SubscriptionPath(id.Names[1], id.Names[2])
	case len(id.Names) > 1 && (id.Types[1] == "queues" || id.Types[1] == "topics"):
		return id.Names[1]
	}
	return ""
}
