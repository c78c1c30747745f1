package entity_test

import (
	"testing"

	"switchyard/broker/entity"
)

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
