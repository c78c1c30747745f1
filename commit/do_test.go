package commit_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"switchyard/commit"
)

// recorder is a log and an effect that write down what is called, in order.
type recorder struct {
	calls         []string
	admit, refuse error
	empty         bool
}

func (r *recorder) note(format string, args ...any) {
	r.calls = append(r.calls, fmt.Sprintf(format, args...))
}

func (r *recorder) Admit(_ context.Context, bytes int) error {
	r.note("admit %d", bytes)
	return r.admit
}

func (r *recorder) Submit(u *commit.Unit) { r.note("submit %d", len(u.Ops())) }
func (r *recorder) Sync(u *commit.Unit)   { r.note("sync %d", len(u.Ops())) }

func (r *recorder) Stage(u *commit.Unit) (release func(), err error) {
	r.note("stage")
	if r.refuse != nil {
		return nil, r.refuse
	}
	if !r.empty {
		u.Delete([]byte("effect"))
	}
	return func() { r.note("release") }, nil
}

func TestDo(t *testing.T) {
	full, refused := errors.New("full"), errors.New("refused")
	for name, c := range map[string]struct {
		log   recorder
		plain bool // no effect
		add   int
		want  []string
		err   error
	}{
		"an effect": {want: []string{"admit 7", "stage", "submit 1", "release", "sync 1"}},
		"an effect and records": {add: 2,
			want: []string{"admit 7", "stage", "add", "add", "submit 3", "release", "sync 3"}},
		"records only":          {plain: true, add: 1, want: []string{"admit 7", "add", "submit 1", "sync 1"}},
		"nothing":               {plain: true, want: []string{"admit 7"}},
		"an effect of nothing":  {log: recorder{empty: true}, want: []string{"admit 7", "stage", "release"}},
		"the log is full":       {log: recorder{admit: full}, add: 1, want: []string{"admit 7"}, err: full},
		"the effect is refused": {log: recorder{refuse: refused}, add: 1, want: []string{"admit 7", "stage"}, err: refused},
	} {
		r := c.log
		var e commit.Effect
		if !c.plain {
			e = commit.EffectFunc(r.Stage)
		}
		var add []func(u *commit.Unit)
		for range c.add {
			add = append(add, func(u *commit.Unit) {
				r.note("add")
				u.Set([]byte("key"), []byte("value"))
			})
		}
		if err := commit.Do(context.Background(), &r, 7, e, add...); err != c.err {
			t.Errorf("%s: error %v, want %v", name, err, c.err)
		}
		if !slices.Equal(r.calls, c.want) {
			t.Errorf("%s: calls %v, want %v", name, r.calls, c.want)
		}
	}
}

func (r *recorder) Wait(*commit.Unit) error           { return nil }
func (r *recorder) Stalled() (<-chan struct{}, error) { return nil, nil }
