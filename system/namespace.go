package system

import (
	"fmt"
	"net"
	"strings"
)

// namespaceByName finds a namespace by its host in Azure, or the name below localhost.
func (s *System) namespaceByName(host string) (string, bool) {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	label, rest, _ := strings.Cut(host, ".")
	for _, n := range s.broker.Namespaces() {
		if strings.EqualFold(n, label) && (rest == "" || strings.EqualFold(rest, "servicebus.windows.net") || strings.EqualFold(rest, "localhost")) {
			return n, true
		}
	}
	return "", false
}

// namespaceByHost finds a namespace by the host of a linked service: its name, or
// an address of this process that belongs to it.
func (s *System) namespaceByHost(host string) (string, error) {
	if n, ok := s.namespaceByName(host); ok {
		return n, nil
	}
	names := s.broker.Namespaces()
	for _, n := range names {
		if a, err := s.address(n); err == nil && strings.EqualFold(a, host) {
			return n, nil
		}
	}
	h := host
	if name, _, err := net.SplitHostPort(host); err == nil {
		h = name
	}
	if ip := net.ParseIP(h); len(names) == 1 && (strings.EqualFold(h, "localhost") || ip != nil && ip.IsLoopback()) {
		return names[0], nil
	}
	return "", fmt.Errorf("namespace %s is not served here; served are: %s", host, strings.Join(names, ", "))
}
