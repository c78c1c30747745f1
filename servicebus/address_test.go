package servicebus

import (
	"errors"
	"strings"
	"testing"

	"switchyard/broker"
)

func TestParseAddress(t *testing.T) {
	tests := []struct {
		in   string
		want address
	}{
		{"q", address{entity: "q"}},
		{"/Q", address{entity: "Q"}},
		{"a/b/c", address{entity: "a/b/c"}},
		{"a%2Fb", address{entity: "a/b"}},
		{"q/$DeadLetterQueue", address{entity: "q", sub: broker.DeadLetterQueue}},
		{"q/%24deadletterqueue", address{entity: "q", sub: broker.DeadLetterQueue}},
		{"q/$management", address{entity: "q", node: managementNode}},
		{"/q/$DEADLETTERQUEUE/$MANAGEMENT", address{entity: "q", sub: broker.DeadLetterQueue, node: managementNode}},
		{"q/$Transfer/$DeadLetterQueue", address{entity: "q", sub: broker.TransferDeadLetterQueue}},
		{"$cbs", address{node: tokenNode}},
		{"/$CBS", address{node: tokenNode}},
		{"amqps://ns.servicebus.windows.net/q", address{entity: "q"}},
		{"amqp://127.0.0.1:5672/q/$management", address{entity: "q", node: managementNode}},
		{"sb://ns.servicebus.windows.net:5671/a/b/$DeadLetterQueue", address{entity: "a/b", sub: broker.DeadLetterQueue}},
		{"$management", address{entity: "$management"}},
	}
	for _, tt := range tests {
		got, err := parseAddress(tt.in)
		if err != nil || got != tt.want {
			t.Errorf("parseAddress(%q) = %+v, %v, want %+v", tt.in, got, err, tt.want)
		}
	}
	for _, in := range []string{"", "/", "%zz", "sb://h", "ftp://h/q", strings.Repeat("q", maxAddress+1)} {
		if got, err := parseAddress(in); !errors.Is(err, errAddress) {
			t.Errorf("parseAddress(%.40q) = %+v, %v, want errAddress", in, got, err)
		}
	}
}

func TestAddressPath(t *testing.T) {
	for _, want := range []string{"q", "a/b/$DeadLetterQueue", "q/$management", "q/$DeadLetterQueue/$management", "q/$Transfer/$DeadLetterQueue", "$cbs"} {
		a, err := parseAddress(strings.ToUpper(want))
		if err != nil || !strings.EqualFold(a.path(), want) {
			t.Errorf("path of %q = %q, %v", strings.ToUpper(want), a.path(), err)
		}
	}
}

func FuzzParseAddress(f *testing.F) {
	for _, s := range []string{"q", "/q/$management", "sb://h:1/q%2fr/$deadletterqueue", "$cbs", "a//b/"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := parseAddress(s)
		if err != nil {
			if !errors.Is(err, errAddress) {
				t.Fatalf("parseAddress(%q): %v", s, err)
			}
			return
		}
		if again, err := splitAddress(strings.Trim(a.path(), "/")); err == nil && again.node != a.node {
			t.Fatalf("parseAddress(%q) = %+v, whose path reads as %+v", s, a, again)
		}
	})
}
