package descriptors

import "testing"

func TestDivide(t *testing.T) {
	for _, c := range []struct {
		limit int
		want  Shares
	}{
		{64, Shares{90, 8, 8}},
		{256, Shares{90, 76, 25}},
		{1024, Shares{256, 528, 176}},
		{65536, Shares{320, 10_000, 4_000}},
		{1 << 30, Shares{320, 10_000, 4_000}},
	} {
		got := Divide(c.limit)
		if got != c.want {
			t.Errorf("%d: got %+v, want %+v", c.limit, got, c.want)
		}
		if sum := got.Store + got.Inbound + got.Outbound + reserve; c.limit >= Enough && sum > c.limit {
			t.Errorf("%d: the shares and the reserve are %d", c.limit, sum)
		}
	}
	for limit := Enough; limit < 20_000; limit++ {
		if s := Divide(limit); s.Store+s.Inbound+s.Outbound+reserve > limit {
			t.Fatalf("%d: %+v are too much", limit, s)
		}
	}
}

func TestLimit(t *testing.T) {
	if n := Limit(); n < 16 {
		t.Errorf("this process may open %d descriptors", n)
	}
}
