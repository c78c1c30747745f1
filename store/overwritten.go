package store

import (
	"bytes"
	"slices"

	"switchyard/commit"
)

// overwritten says of each [commit.OpOverwrite] of a group, in order, whether another one
// follows that makes it needless; nil: none is.
type overwritten []bool

// take reports whether the next one can be left out.
func (o *overwritten) take() bool {
	if len(*o) == 0 {
		return false
	}
	needless := (*o)[0]
	*o = (*o)[1:]
	return needless
}

// maxOverwritten is how many keys of a group are compared with each other: the counters of
// more queues than that are written as often as they come.
const maxOverwritten = 32

// findOverwritten looks through the units of a group. In one that may be written in
// several batches nothing can be left out: each batch must be whole.
func findOverwritten(units []*commit.Unit) (all overwritten) {
	var last [][]byte // the keys of those that are written, the latest first
	size := 0
	for _, u := range slices.Backward(units) {
		if size += cost(u); size >= maxBatch {
			return nil
		}
		for _, op := range slices.Backward(u.Ops()) {
			if op.Kind != commit.OpOverwrite {
				continue
			}
			needless := slices.ContainsFunc(last, func(key []byte) bool { return bytes.Equal(key, op.Key) })
			if all = append(all, needless); !needless && len(last) < maxOverwritten {
				last = append(last, op.Key)
			}
		}
	}
	slices.Reverse(all)
	return all
}
