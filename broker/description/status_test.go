package description_test

import (
	"testing"

	"switchyard/broker/description"
)

// TestStatus is the table of [SB-SEM 6].
func TestStatus(t *testing.T) {
	for s, want := range map[description.Status][2]bool{
		description.Active: {true, true}, description.SendDisabled: {false, true},
		description.ReceiveDisabled: {true, false}, description.Disabled: {false, false},
	} {
		if got := [2]bool{s.CanSend(), s.CanReceive()}; got != want {
			t.Errorf("%s: send, receive %v, want %v", s, got, want)
		}
	}
}
