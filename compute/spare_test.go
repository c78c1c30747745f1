package compute

import (
	"runtime"
	"testing"
)

func TestSpare(t *testing.T) {
	was := runtime.GOMAXPROCS(0)
	defer runtime.GOMAXPROCS(was)
	Spare("3")
	if n := runtime.GOMAXPROCS(0); n != was {
		t.Errorf("%d processors where the variable has said how many, want %d", n, was)
	}
	Spare("")
	Spare("")
	if n := runtime.GOMAXPROCS(0); n != was+2 {
		t.Errorf("%d processors, want %d and 2 to spare", n, was)
	}
}
