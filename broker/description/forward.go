package description

import (
	"fmt"
	"net/netip"
	"strings"
)

// A Forward is a property that names a queue or topic to which messages go on [SB-SEM 4].
type Forward struct {
	Property string
	// Text is as it was written, Path what it means.
	Text, Path string
}

// Forwards returns the properties that name one.
func (o *Options) Forwards() (all []Forward) {
	for _, f := range [...]Forward{
		{Property: "ForwardTo", Text: o.ForwardTo},
		{Property: "ForwardDeadLetteredMessagesTo", Text: o.ForwardDeadLetteredMessagesTo},
	} {
		if f.Text != "" {
			f.Path = ForwardPath(f.Text)
			all = append(all, f)
		}
	}
	return all
}

// ForwardPath returns the path of the queue or topic that a ForwardTo names: a path, or a
// URL of any scheme whose path it is.
func ForwardPath(text string) string {
	_, path := splitURL(text)
	return path
}

func splitURL(text string) (host, path string) {
	_, rest, ok := strings.Cut(text, "://")
	if !ok {
		return "", strings.Trim(text, "/")
	}
	host, path, _ = strings.Cut(rest, "/")
	return host, strings.Trim(path, "/")
}

// CheckForwards says why an entity of the path and namespace can't forward as its options
// say, whatever else is there: an [*InvalidError]. An entity that requires sessions may
// forward its dead letters, which are in none.
func (o *Options) CheckForwards(namespace, path string) error {
	for _, f := range o.Forwards() {
		if err := o.CheckForward(f, namespace, path); err != nil {
			return err
		}
	}
	return nil
}

// CheckForward is CheckForwards of one of the [Options.Forwards].
func (o *Options) CheckForward(f Forward, namespace, path string) error {
	switch host, to := splitURL(f.Text); {
	case !mayBe(host, namespace):
		return &InvalidError{f.Property, fmt.Sprintf("%q: it must be in the namespace %s", f.Text, namespace)}
	case strings.EqualFold(to, path):
		return &InvalidError{f.Property, fmt.Sprintf("%q: an entity can't forward to itself", f.Text)}
	case f.Property == "ForwardTo" && o.RequiresSession:
		return &InvalidError{f.Property, "can't be chosen with RequiresSession"}
	}
	return nil
}

// mayBe reports whether a host with port may be that of a namespace: its first label is
// the name, or it is an address or a name without a domain, of a machine.
func mayBe(host, namespace string) bool {
	name, port := host, strings.LastIndexByte(host, ':')
	if port > strings.LastIndexByte(host, ']') {
		name = host[:port]
	}
	label, _, domain := strings.Cut(name, ".")
	_, err := netip.ParseAddr(strings.Trim(name, "[]"))
	return !domain || strings.EqualFold(label, namespace) || err == nil
}
