package entity_test

import (
	"testing"

	"switchyard/broker/entity"
)

// TestEntityStatus is the table of [SB-SEM 6].
func TestEntityStatus(t *testing.T) {
	for s, want := range map[entity.EntityStatus][2]bool{
		entity.StatusActive: {true, true}, entity.StatusSendDisabled: {false, true},
		entity.StatusReceiveDisabled: {true, false}, entity.StatusDisabled: {false, false},
	} {
		if got := [2]bool{s.CanSend(), s.CanReceive()}; got != want {
			t.Errorf("%s: send, receive %v, want %v", s, got, want)
		}
	}
}

func TestSplitPath(t *testing.T) {
	for in, want := range map[string]struct {
		path string
		sub  entity.SubQueue
	}{
		"a": {"a", entity.MainQueue}, "a/b/$deadletterQUEUE": {"a/b", entity.DeadLetterQueue}, "/$DeadLetterQueue": {"/$DeadLetterQueue", entity.MainQueue},
	} {
		if path, sub := entity.SplitPath(in); path != want.path || sub != want.sub {
			t.Errorf("%q: got %q, %d, want %q, %d", in, path, sub, want.path, want.sub)
		}
	}
}
