package ports

import (
	"net"
	"slices"
	"strings"
)

// A Directory says which namespaces there are and where clients that know no names
// find them.
type Directory struct {
	// Main is the address, host:port, of the Service Bus port; "" if there is none.
	Main string
	// Names are the server's own, below which a namespace's name stands for it.
	Names  []string
	Places []Place // in the order of the namespaces' names
}

// A Place is where a namespace is found: at the Service Bus port or at a port of
// its own; nowhere if Address is "".
type Place struct{ Namespace, Address string }

// Find returns the namespace that a client means by a host, which may have a port.
// Through is the address of the port that the client came through; "" if it came
// through none, which is the factory with the host of a linked service.
//
// A port of one namespace's own means that namespace, whatever the client calls
// it. Otherwise the client means
//
//  1. the namespace that it names, by the label before .servicebus.windows.net or
//     .localhost or one of Names, or by that label alone;
//  2. through the Service Bus port: the namespace at it, or the first;
//  3. through no port: the namespace at the address, or, if the host is this
//     machine, the only one that there is.
func (d Directory) Find(host, through string) (namespace string, ok bool) {
	if through != "" && through != d.Main {
		return d.at(through)
	}
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	if ns, ok := d.named(name); ok {
		return ns, true
	}
	if through != "" {
		if ns, ok := d.at(through); ok {
			return ns, true
		}
		return d.first()
	}
	if ns, ok := d.at(host); ok {
		return ns, true
	}
	if len(d.Places) == 1 && isHere(name) {
		return d.first()
	}
	return "", false
}

// named finds a namespace by its host in Azure, or its name below localhost.
func (d Directory) named(host string) (string, bool) {
	label, rest, _ := strings.Cut(host, ".")
	if rest != "" && !strings.EqualFold(rest, "servicebus.windows.net") &&
		!strings.EqualFold(rest, "localhost") && !slices.Contains(d.Names, strings.ToLower(rest)) {
		return "", false
	}
	for _, p := range d.Places {
		if strings.EqualFold(p.Namespace, label) {
			return p.Namespace, true
		}
	}
	return "", false
}

func (d Directory) at(address string) (string, bool) {
	for _, p := range d.Places {
		if p.Address != "" && strings.EqualFold(p.Address, address) {
			return p.Namespace, true
		}
	}
	return "", false
}

func (d Directory) first() (string, bool) {
	if len(d.Places) == 0 {
		return "", false
	}
	return d.Places[0].Namespace, true
}

func isHere(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}
