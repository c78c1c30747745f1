package expr

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"switchyard/value"
)

// Work on long texts, done in blocks so that it takes steps of the budget and ends
// when that says so.

// block is how many bytes of text are worked on between two looks at the budget.
const block = 64 << 10

// cutBlock returns the first block of s: whole characters, and all of a short
// text.
func cutBlock(s string) string {
	if len(s) <= block {
		return s
	}
	n := block
	for n > block-utf8.UTFMax && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// blocks calls f for one block of s after the other. Each takes a step for
// perStep bytes.
func (ev *evaluation) blocks(s string, perStep int, f func(part string) (more bool)) error {
	for {
		part := cutBlock(s)
		if err := ev.spend(1 + len(part)/perStep); err != nil {
			return err
		}
		if !f(part) || len(part) == len(s) {
			return nil
		}
		s = s[len(part):]
	}
}

// build returns what f writes for one block of s after the other.
func (ev *evaluation) build(s string, perStep int, f func(b *strings.Builder, part string)) (string, error) {
	var b strings.Builder
	err := ev.blocks(s, perStep, func(part string) bool {
		f(&b, part)
		return true
	})
	return b.String(), err
}

// mapText is strings.Map.
func (ev *evaluation) mapText(s string, f func(rune) rune) (string, error) {
	if len(s) <= block {
		return strings.Map(f, s), ev.spend(1 + len(s)/4)
	}
	return ev.build(s, 4, func(b *strings.Builder, part string) { b.WriteString(strings.Map(f, part)) })
}

// fold upper-cases s for comparisons that ignore case. It keeps the number of
// UTF-16 code units of every prefix.
func (ev *evaluation) fold(s string) (string, error) { return ev.mapText(s, upperRune) }

// trim is strings.TrimSpace.
func (ev *evaluation) trim(s string) (string, error) {
	err := ev.blocks(s, 4, func(part string) bool {
		rest := strings.TrimLeftFunc(part, unicode.IsSpace)
		s = s[len(part)-len(rest):]
		return rest == ""
	})
	for err == nil && s != "" {
		start := max(0, len(s)-block)
		for start > 0 && !utf8.RuneStart(s[start]) {
			start--
		}
		rest := strings.TrimRightFunc(s[start:], unicode.IsSpace)
		err = ev.spend(1 + (len(s)-start)/4)
		if s = s[:start+len(rest)]; rest != "" {
			break
		}
	}
	return s, err
}

// index is strings.Index, or with last strings.LastIndex.
func (ev *evaluation) index(s, sub string, last bool) (int, error) {
	find := strings.Index
	if last {
		find = strings.LastIndex
	}
	if len(s) <= block {
		i := find(s, sub)
		return i, ev.searched(s, i, last)
	}
	// Windows that overlap by what is looked for. They are several times as long,
	// so that no part of the text is searched more than twice.
	window := max(block, 4*len(sub)) + len(sub)
	step := max(1, window-len(sub)+1)
	for from := 0; from == 0 || len(s)-from >= len(sub); from += step {
		part, at := s[from:min(from+window, len(s))], from
		if last {
			to := len(s) - from
			at = max(0, to-window)
			part = s[at:to]
		}
		i := find(part, sub)
		if err := ev.searched(part, i, last); err != nil {
			return 0, err
		}
		if i >= 0 {
			return at + i, nil
		}
	}
	return -1, nil
}

// searched takes the steps of a search in s that ended at i, or that went through
// all of it if i is negative.
func (ev *evaluation) searched(s string, i int, last bool) error {
	n := len(s)
	switch {
	case i >= 0 && last:
		n -= i
	case i >= 0:
		n = i
	}
	return ev.spend(1 + n/bytesPerStep)
}

// split calls f with the pieces of s between the delimiters, which are not empty.
func (ev *evaluation) split(s, delimiter string, f func(piece string, last bool) error) error {
	for {
		i, err := ev.index(s, delimiter, false)
		switch {
		case err != nil:
			return err
		case i < 0:
			return f(s, true)
		}
		if err := f(s[:i], false); err != nil {
			return err
		}
		s = s[i+len(delimiter):]
	}
}

// units returns the length of s in UTF-16 code units.
func (ev *evaluation) units(s string) (n int, err error) {
	if len(s) <= block {
		return units(s), ev.spend(1 + len(s)/bytesPerStep)
	}
	err = ev.blocks(s, 4, func(part string) bool {
		n += units(part)
		return true
	})
	return n, err
}

// sliceUnits returns the code units of s from start up to end. Half a surrogate
// pair at a border becomes U+FFFD, since strings here are UTF-8.
func (ev *evaluation) sliceUnits(s string, start, end int) (string, error) {
	if len(s) <= block {
		return sliceUnits(s, start, end), ev.spend(1 + len(s)/bytesPerStep)
	}
	return ev.build(s, 4, func(b *strings.Builder, part string) {
		n := units(part)
		if from, to := max(start, 0), min(end, n); from < to {
			b.WriteString(sliceUnits(part, from, to))
		}
		start, end = start-n, end-n
	})
}

// text is [value.Text] of a value that is given to what, which cannot take more
// than MaxText.
func (ev *evaluation) text(v value.Value, what string) (string, error) {
	switch x := v.(type) {
	case string:
		return x, nil
	case nil, bool, int64, float64:
		return value.Text(v), nil
	case *value.Object:
		if err := ev.spend(contentSteps(x)); err != nil {
			return "", err
		}
		if c, ok := value.ContentOf(x); ok {
			return c.Text(), nil
		}
	}
	var dst []byte
	if a, ok := v.(value.Array); ok {
		dst = make([]byte, 0, 2+6*len(a)) // most elements are longer, few by far
	}
	dst, err := ev.appendJSON(dst, v, what)
	return string(dst), err
}

// contentSteps is what it takes to decode o, if it is a content object.
func contentSteps(o *value.Object) int {
	v, _ := o.Get("$content")
	s, _ := v.(string)
	return 1 + len(s)/2
}

// appendJSON is [value.Append].
func (ev *evaluation) appendJSON(dst []byte, v value.Value, what string) ([]byte, error) {
	if len(dst) > MaxText {
		return nil, errTooLong(what)
	}
	var err error
	switch v := v.(type) {
	case string:
		if len(v) <= block {
			break
		}
		dst = append(dst, '"')
		var part []byte
		err = ev.blocks(v, 4, func(s string) bool {
			part = value.Append(part[:0], s)
			dst = append(dst, part[1:len(part)-1]...)
			return true
		})
		return append(dst, '"'), err
	case value.Array:
		dst = append(dst, '[')
		for i, e := range v {
			if i > 0 {
				dst = append(dst, ',')
			}
			if dst, err = ev.appendJSON(dst, e, what); err != nil {
				return nil, err
			}
		}
		return append(dst, ']'), ev.spend(1)
	case *value.Object:
		dst = append(dst, '{')
		for i, m := range v.Members() {
			if i > 0 {
				dst = append(dst, ',')
			}
			if dst, err = ev.appendJSON(dst, m.Name, what); err != nil {
				return nil, err
			}
			dst = append(dst, ':')
			if dst, err = ev.appendJSON(dst, m.Value, what); err != nil {
				return nil, err
			}
		}
		return append(dst, '}'), ev.spend(1)
	}
	before := len(dst)
	dst = value.Append(dst, v)
	return dst, ev.spend(4 + (len(dst)-before)/4)
}
