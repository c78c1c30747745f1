package activity

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/iotest"
)

func TestReadRest(t *testing.T) {
	body := func(n int) []byte { return bytes.Repeat([]byte("abc"), n/3+1)[:n] }
	broken := errors.New("broken")
	tests := []struct {
		name   string
		size   int
		length int64 // as it is said
		want   int
		room   int // of the buffer
	}{
		{"as said", 3 << 20, 3 << 20, 3 << 20, 3<<20 + 1},
		{"unknown", 3 << 20, -1, 3 << 20, 4 << 20},
		{"more than said", 3 << 20, 1 << 20, 3 << 20, 4<<20 + 1},
		{"less than said", 100 << 10, 4 << 20, 100 << 10, 4<<20 + 1},
		{"nothing said", 100 << 10, 0, 100 << 10, 140<<10 + 2},
		{"the most", maxWebResponse, -1, maxWebResponse, 4<<20 + 1},
		{"more than the most", 2 * maxWebResponse, -1, maxWebResponse + 1, 4<<20 + 1},
		{"says more than there can be", 1 << 20, 1 << 40, 1 << 20, 4<<20 + 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			whole := body(tt.size)
			const begun = 70 << 10
			got, err := readRest(bytes.NewReader(whole[begun:]), whole[:begun:begun], tt.length)
			if err != nil || len(got) != tt.want || !bytes.Equal(got, whole[:tt.want]) {
				t.Errorf("%d bytes, %v, want the first %d", len(got), err, tt.want)
			}
			if cap(got) != tt.room {
				t.Errorf("the buffer has %d bytes, want %d", cap(got), tt.room)
			}
		})
	}
	if _, err := readRest(io.MultiReader(bytes.NewReader(body(1<<20)), iotest.ErrReader(broken)), nil, -1); !errors.Is(err, broken) {
		t.Errorf("error = %v, want that of the body", err)
	}
}
