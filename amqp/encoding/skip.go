package encoding

import (
	"encoding/binary"
	"fmt"
	"unicode/utf8"
)

// Skip steps over one value without building it. The whole value is checked:
// what Skip accepts, [Read] accepts too, except for the limit on elements
// without bytes.
func Skip(b []byte) (rest []byte, err error) { return skip(b, 0) }

func skip(b []byte, depth int) ([]byte, error) {
	if len(b) == 0 {
		return nil, ErrTruncated
	}
	if depth > MaxDepth {
		return nil, fmt.Errorf("%w: nesting", ErrLimit)
	}
	if b[0] == codeDescribed {
		rest, err := skip(b[1:], depth+1)
		if err != nil {
			return nil, err
		}
		return skip(rest, depth+1)
	}
	return skipData(b[0], b[1:], depth)
}

// skipData steps over the data of a value whose constructor is code.
func skipData(code byte, b []byte, depth int) ([]byte, error) {
	if depth > MaxDepth {
		return nil, fmt.Errorf("%w: nesting", ErrLimit)
	}
	switch w := fixedWidth(code); {
	case w >= 0:
		if len(b) < w {
			return nil, ErrTruncated
		}
		if err := checkFixed(code, b); err != nil {
			return nil, err
		}
		return b[w:], nil
	case w == -2:
		return nil, badCode(code)
	}
	switch code & 0xF0 {
	case 0xA0, 0xB0:
		data, rest, err := variable(code, b)
		if err != nil {
			return nil, err
		}
		return rest, checkText(code, data)
	case 0xC0, 0xD0:
		items, n, rest, err := compound(code, b)
		if err != nil {
			return nil, err
		}
		for ; n > 0; n-- {
			if items, err = skip(items, depth+1); err != nil {
				return nil, inside(err)
			}
		}
		return rest, atEnd(items)
	}
	items, n, rest, err := compound(code, b)
	if err != nil {
		return nil, err
	}
	_, elem, items, err := arrayConstructor(items, depth, func(b []byte) (any, []byte, error) {
		r, err := skip(b, depth+1)
		return nil, r, err
	})
	if err != nil {
		return nil, inside(err)
	}
	if w := fixedWidth(elem); w == 0 {
		return rest, atEnd(items)
	}
	if n > len(items) {
		return nil, fmt.Errorf("%w: array of %d elements in %d bytes", ErrMalformed, n, len(items))
	}
	for ; n > 0; n-- {
		if items, err = skipData(elem, items, depth+1); err != nil {
			return nil, inside(err)
		}
	}
	return rest, atEnd(items)
}

// checkFixed refuses data of the right width that is no value.
func checkFixed(code byte, b []byte) error {
	switch code {
	case codeBool:
		if b[0] > 1 {
			return fmt.Errorf("%w: boolean byte %#x", ErrMalformed, b[0])
		}
	case codeChar:
		if c := binary.BigEndian.Uint32(b); c > utf8.MaxRune {
			return fmt.Errorf("%w: char %#x", ErrMalformed, c)
		}
	}
	return nil
}

// checkText refuses strings that are not UTF-8.
func checkText(code byte, data []byte) error {
	if (code == codeString8 || code == codeString32) && !utf8.Valid(data) {
		return fmt.Errorf("%w: string is not UTF-8", ErrMalformed)
	}
	return nil
}

// variable splits off the data of a binary, string or symbol.
func variable(code byte, b []byte) (data, rest []byte, err error) {
	var n int
	if code&0xF0 == 0xA0 {
		if len(b) < 1 {
			return nil, nil, ErrTruncated
		}
		n, b = int(b[0]), b[1:]
	} else {
		if len(b) < 4 {
			return nil, nil, ErrTruncated
		}
		u := binary.BigEndian.Uint32(b)
		b = b[4:]
		if uint64(u) > uint64(len(b)) {
			return nil, nil, ErrTruncated
		}
		n = int(u)
	}
	if n > len(b) {
		return nil, nil, ErrTruncated
	}
	return b[:n], b[n:], nil
}

// compound splits off a list, map or array: its items (for an array, from the
// element constructor on) and its count. The count of a list or map is checked
// against the bytes that hold it.
func compound(code byte, b []byte) (items []byte, n int, rest []byte, err error) {
	if code&0xF0 == 0xC0 || code&0xF0 == 0xE0 {
		if len(b) < 2 {
			return nil, 0, nil, ErrTruncated
		}
		size := int(b[0])
		if size < 1 {
			return nil, 0, nil, fmt.Errorf("%w: compound of size %d", ErrMalformed, size)
		}
		if size > len(b)-1 {
			return nil, 0, nil, ErrTruncated
		}
		items, n, rest = b[2:1+size], int(b[1]), b[1+size:]
	} else {
		if len(b) < 8 {
			return nil, 0, nil, ErrTruncated
		}
		size, count := binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:])
		if size < 4 {
			return nil, 0, nil, fmt.Errorf("%w: compound of size %d", ErrMalformed, size)
		}
		if uint64(size) > uint64(len(b)-4) {
			return nil, 0, nil, ErrTruncated
		}
		if count > 1<<31-1 {
			return nil, 0, nil, fmt.Errorf("%w: count %d", ErrLimit, count)
		}
		items, n, rest = b[8:4+size], int(count), b[4+size:]
	}
	if code&0xF0 < 0xE0 {
		if n > len(items) {
			return nil, 0, nil, fmt.Errorf("%w: %d items in %d bytes", ErrMalformed, n, len(items))
		}
		if (code == codeMap8 || code == codeMap32) && n%2 != 0 {
			return nil, 0, nil, fmt.Errorf("%w: map with an odd count", ErrMalformed)
		}
	}
	return items, n, rest, nil
}

// arrayConstructor reads what stands before the elements of an array: a
// constructor, perhaps described. value reads or skips the descriptor.
func arrayConstructor(b []byte, depth int, value func([]byte) (any, []byte, error)) (
	descriptor any, elem byte, rest []byte, err error) {
	if len(b) == 0 {
		return nil, 0, nil, ErrTruncated
	}
	if b[0] == codeDescribed {
		if descriptor, b, err = value(b[1:]); err != nil {
			return nil, 0, nil, err
		}
		if len(b) == 0 {
			return nil, 0, nil, ErrTruncated
		}
	}
	if fixedWidth(b[0]) == -2 {
		return nil, 0, nil, badCode(b[0])
	}
	return descriptor, b[0], b[1:], nil
}

func badCode(code byte) error {
	return fmt.Errorf("%w: constructor %#02x", ErrMalformed, code)
}

// inside turns the end of a compound's bytes into a fault of the compound: more
// input would not help.
func inside(err error) error {
	if err == ErrTruncated {
		return fmt.Errorf("%w: item ends after its compound", ErrMalformed)
	}
	return err
}

func atEnd(items []byte) error {
	if len(items) != 0 {
		return fmt.Errorf("%w: %d bytes after the last item", ErrMalformed, len(items))
	}
	return nil
}
