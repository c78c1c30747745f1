package expr

import (
	"fmt"
	"strings"
	"testing"
)

func TestCacheIsBounded(t *testing.T) {
	var c templateCache
	pad := strings.Repeat("x", 1000)
	for i := range 5000 {
		s := fmt.Sprintf("%s@{%d}", pad, i)
		if _, err := c.parse(s); err != nil {
			t.Fatal(err)
		}
		if got := c.youngest; got > cacheBytes {
			t.Fatalf("%d bytes in one generation, want at most %d", got, cacheBytes)
		}
		if n := len(c.young) + len(c.old); n > 2*cacheBytes/cacheOverhead {
			t.Fatalf("%d templates", n)
		}
	}
	if len(c.old) == 0 {
		t.Error("no generation has ended")
	}
}

func TestCacheKeepsWhatIsUsed(t *testing.T) {
	var c templateCache
	first, err := c.parse("@{'used'}")
	if err != nil {
		t.Fatal(err)
	}
	for i := range 20000 {
		if _, err := c.parse(fmt.Sprintf("@{%d}", i)); err != nil {
			t.Fatal(err)
		}
		if i%1000 == 0 {
			if again, _ := c.parse("@{'used'}"); again != first {
				t.Fatalf("a template in use was forgotten after %d others", i)
			}
		}
	}
	if _, err := c.parse("@{"); err == nil {
		t.Error("a syntax error was not reported")
	}
}
