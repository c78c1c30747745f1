package servicebus

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"switchyard/auth"
	"switchyard/broker"
)

// maxAddress bounds the text of an address: 260 characters of path, each
// perhaps percent-encoded, in a URI.
const maxAddress = 2048

type node uint8

const (
	entityNode      node = iota // messages
	managementNode              // requests about an entity: X/$management
	tokenNode                   // $cbs
	coordinatorNode             // no address: transactions
)

// An address is what a link is attached to, or what a token is for [SB-AMQP 5].
type address struct {
	entity string // path as the client wrote it, decoded
	sub    broker.SubQueue
	node   node
}

var errAddress = errors.New("invalid address")

// parseAddress reads an address in any form that clients use: with a leading
// slash, percent-encoded, or as a URI. All parts are compared ignoring case.
func parseAddress(s string) (address, error) {
	if len(s) > maxAddress {
		return address{}, fmt.Errorf("%w: longer than %d bytes", errAddress, maxAddress)
	}
	if strings.Contains(s, "://") {
		r, err := auth.ParseResource(s)
		if err != nil {
			return address{}, fmt.Errorf("%w: %.80q is not a URI of an entity", errAddress, s)
		}
		return splitAddress(r.Path)
	}
	path, err := url.PathUnescape(s)
	if err != nil {
		return address{}, fmt.Errorf("%w: %.80q: %w", errAddress, s, err)
	}
	return splitAddress(strings.Trim(path, "/"))
}

func splitAddress(path string) (address, error) {
	if path == "" {
		return address{}, fmt.Errorf("%w: it names no entity", errAddress)
	}
	if strings.EqualFold(path, "$cbs") {
		return address{node: tokenNode}, nil
	}
	var a address
	path, management := cutSuffixFold(path, "/$management")
	if management {
		a.node = managementNode
	}
	a.entity, a.sub = broker.SplitPath(path)
	return a, nil
}

func cutSuffixFold(s, suffix string) (before string, found bool) {
	n := len(s) - len(suffix)
	if n > 0 && strings.EqualFold(s[n:], suffix) {
		return s[:n], true
	}
	return s, false
}

// queue returns the path by which the broker knows the sub-queue.
func (a address) queue() string { return a.entity + a.sub.Suffix() }

// path returns the whole path, which is what rights are granted for.
func (a address) path() string {
	p := a.queue()
	switch a.node {
	case managementNode:
		p += "/$management"
	case tokenNode:
		p = "$cbs"
	case coordinatorNode:
		p = "$coordinator" // as it is shown
	}
	return p
}
