package torture

import (
	"math/rand/v2"
	"testing"

	connect "switchyard/client"
	"switchyard/system/killtest"
)

// TestKillRuns kills the program 40 times while a ForEach has 10,000 items, an Until 1,000
// turns, and 200 runs start 200 others and wait for them.
func TestKillRuns(t *testing.T) {
	torture(t)
	dir := dataDir(t)
	start := func(folder string) (connect.Endpoints, func()) {
		s := box{}.serve(t, dir, folder)
		return s.Endpoints, s.kill
	}
	killtest.Load{Items: 10_000, Turns: 1000, Children: 200, Kills: 40, Seed: rand.Uint64()}.Run(t, start)
}
