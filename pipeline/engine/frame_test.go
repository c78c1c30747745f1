package engine

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"switchyard/pipeline/run"
	"switchyard/value"
)

// shelf keeps payloads.
type shelf map[uint64][]byte

func (s shelf) read(n uint64) ([]byte, error) {
	b, ok := s[n]
	if !ok {
		return nil, fmt.Errorf("payload %d: %w", n, ErrNotInHistory)
	}
	return b, nil
}

func (s shelf) write(ps []payload) {
	for _, p := range ps {
		s[p.n] = p.frame
	}
}

func obj(pairs ...any) *value.Object {
	o := &value.Object{}
	for i := 0; i < len(pairs); i += 2 {
		o.Set(pairs[i].(string), pairs[i+1])
	}
	return o
}

func TestFramesRoundTrip(t *testing.T) {
	big := strings.Repeat("b", maxInline+1)
	other := strings.Repeat("o", 3*maxInline)
	var many value.Array
	for i := range 2000 {
		many = append(many, obj("i", int64(i)))
	}
	for _, c := range []struct {
		name     string
		event    run.Event
		payloads int
	}{
		{"small", &run.ActivityFinished{Path: "A", Output: obj("a", "b")}, 0},
		{"one large member", &run.ActivityFinished{Path: "A", Output: obj("a", int64(1), "b", big, "c", nil)}, 1},
		{"two equal ones", &run.ActivityFinished{Path: "A", Output: obj("a", big, "b", big)}, 1},
		{"deep", &run.VariableSet{Value: value.Array{obj("x", value.Array{"y", big, obj("z", other)})}}, 2},
		{"many small ones", &run.ContainerStarted{Path: "L", Items: many, Input: &value.Object{}}, 1},
		{"large text itself", &run.VariableAppended{Value: big}, 1},
		{"parameters", &run.Created{ID: "r", Parameters: obj("m", many, "k", "v"), GlobalParameters: &value.Object{}, Definition: []byte(big)}, 1},
		{"large part of a large whole", &run.ActivityFinished{Output: obj("all", many, "text", big, "rest", strings.Repeat("r", maxInline-10), "more", strings.Repeat("s", maxInline-10))}, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, secure := range []bool{false, true} {
				f, s := frames{sealer: testSealer{}}, shelf{}
				b, ps, _ := f.encode(c.event, secure)
				b = bytes.Clone(b)
				if len(ps) != c.payloads {
					t.Errorf("payloads: got %d, want %d", len(ps), c.payloads)
				}
				s.write(ps)
				if c.payloads > 0 {
					if again, ps, _ := f.encode(c.event, secure); len(ps) != 0 || !bytes.Equal(again, b) {
						t.Errorf("written again: %d payloads, same frame %t", len(ps), bytes.Equal(again, b))
					}
				}
				g := frames{sealer: testSealer{}}
				o := readOutputs(s.read)
				got, err := g.decode(b, o)
				if err != nil {
					t.Fatal(err)
				}
				if _, _, folded := f.encode(c.event, secure); !reflect.DeepEqual(got, folded) && c.payloads > 0 {
					t.Errorf("a restart folds %+v, the run itself %+v", got, folded)
				}
				if err := o.whole(got); err != nil {
					t.Fatal(err)
				}
				if !reflect.DeepEqual(norm(got), norm(c.event)) {
					t.Errorf("got %+v, want %+v", got, c.event)
				}
				if secure && (bytes.Contains(b, []byte("bbbb")) || c.payloads > 0 && bytes.Contains(s[0], []byte("bbbb"))) {
					t.Error("a sealed frame is readable")
				}
				plain := frames{}
				if _, err := plain.decode(b, readOutputs(s.read)); secure && !errors.Is(err, errSealedFrame) {
					t.Errorf("without a key: got %v, want errSealedFrame", err)
				}
			}
		})
	}
}

// readOutputs are the large values of a run whose payloads read returns.
func readOutputs(read func(n uint64) ([]byte, error)) *outputs {
	return &outputs{sealer: testSealer{}, cache: newCache(1 << 20), frame: read, pending: map[uint64]value.Value{}}
}

// norm makes events comparable: their encoding without payloads.
func norm(e run.Event) string { return string(run.EncodeEvent(nil, e)) }

// testSealer hides bytes.
type testSealer struct{}

func (testSealer) Seal(p []byte) []byte {
	out := []byte{'S'}
	for _, c := range p {
		out = append(out, ^c)
	}
	return out
}

func (testSealer) Open(s []byte) ([]byte, error) {
	if len(s) == 0 || s[0] != 'S' {
		return nil, errors.New("damaged")
	}
	out := make([]byte, len(s)-1)
	for i, c := range s[1:] {
		out[i] = ^c
	}
	return out, nil
}

func FuzzDecodeFrame(f *testing.F) {
	fr := frames{}
	s := shelf{}
	for _, e := range []run.Event{
		&run.Finished{Status: run.Succeeded},
		&run.VariableSet{Value: value.Array{"x", strings.Repeat("y", 2*maxInline)}},
		&run.ActivityFinished{Output: obj("a", strings.Repeat("z", 2*maxInline), "b", value.Array{})},
	} {
		b, ps, _ := fr.encode(e, false)
		s.write(ps)
		f.Add(bytes.Clone(b))
	}
	s[7] = []byte{frameVersion, frameNamed, 1, 7, 1, 0} // names itself
	f.Add([]byte{frameVersion, frameNamed, 1, 7, 1, 0})
	f.Add([]byte{frameVersion, frameSealed, 'S'})
	f.Fuzz(func(t *testing.T, b []byte) {
		g := frames{sealer: testSealer{}}
		e, err := g.decode(b, readOutputs(s.read))
		if err == nil && e == nil {
			t.Errorf("%x: neither event nor error", b)
		}
		if err != nil {
			return
		}
		// What was read can be written.
		if again, _, _ := (&frames{}).encode(e, false); len(again) < 2 {
			t.Errorf("%x: encodes to %x", b, again)
		}
	})
}
