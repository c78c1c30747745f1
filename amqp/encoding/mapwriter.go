package encoding

import (
	"slices"
	"time"
)

// A MapWriter adds a map entry by entry, without a [Map] and a value of type any for each.
// [BeginMap] makes one.
type MapWriter struct {
	dst     []byte
	mark, n int
}

// BeginMap starts a map whose size is not known yet, behind dst.
func BeginMap(dst []byte) MapWriter {
	return MapWriter{dst: append(dst, codeMap8, 0, 0), mark: len(dst)}
}

// End ends the map and returns dst with it.
func (w *MapWriter) End() []byte { return endCompound(w.dst, w.mark, 2*w.n) }

// Len returns how many entries there are.
func (w *MapWriter) Len() int { return w.n }

// Timestamp adds an entry.
func (w *MapWriter) Timestamp(key Symbol, t time.Time) {
	w.key(key)
	w.dst = AppendTimestamp(w.dst, t)
}

// Long adds an entry.
func (w *MapWriter) Long(key Symbol, v int64) {
	w.key(key)
	w.dst = AppendLong(w.dst, v)
}

// Int adds an entry.
func (w *MapWriter) Int(key Symbol, v int32) {
	w.key(key)
	w.dst = AppendInt(w.dst, v)
}

// String adds an entry.
func (w *MapWriter) String(key Symbol, v string) {
	w.key(key)
	w.dst = AppendString(w.dst, v)
}

// UUID adds an entry.
func (w *MapWriter) UUID(key Symbol, v UUID) {
	w.key(key)
	w.dst = append(append(w.dst, codeUUID), v[:]...)
}

// Pairs adds the entries of a map, which may be nil, but for those under the string or
// symbol names.
func (w *MapWriter) Pairs(m *Map, without ...string) (err error) {
	if m == nil {
		return nil
	}
	for i := range m.Pairs {
		p := &m.Pairs[i]
		if named(p.Key, without) {
			continue
		}
		if w.dst, err = appendValue(w.dst, p.Key, 1); err != nil {
			return err
		}
		if w.dst, err = appendValue(w.dst, p.Value, 1); err != nil {
			return err
		}
		w.n++
	}
	return nil
}

// named reports whether a key is a string or symbol among names.
func named(key any, names []string) bool {
	return slices.Contains(names, keyName(key))
}

func (w *MapWriter) key(key Symbol) {
	w.dst = AppendSymbol(w.dst, key)
	w.n++
}
