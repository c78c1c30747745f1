package value

import (
	"bytes"
	"encoding/binary"
	"errors"
	"unicode/utf16"
	"unicode/utf8"
)

var (
	errEncoding = errors.New("the file is neither UTF-8 nor UTF-16 with a byte-order mark")
	errOddUTF16 = errors.New("UTF-16 text of an odd number of bytes")
)

// Decode returns the text of a file as UTF-8 without byte-order mark. Definition
// files are UTF-8 with or without a mark, or UTF-16 with one [ENGINE 1];
// everything else is an error. Half of a surrogate pair becomes U+FFFD.
func Decode(file []byte) ([]byte, error) {
	switch {
	case bytes.HasPrefix(file, []byte{0xEF, 0xBB, 0xBF}):
		file = file[3:]
	case bytes.HasPrefix(file, []byte{0xFF, 0xFE}):
		return decodeUTF16(file[2:], binary.LittleEndian)
	case bytes.HasPrefix(file, []byte{0xFE, 0xFF}):
		return decodeUTF16(file[2:], binary.BigEndian)
	}
	if !utf8.Valid(file) {
		return nil, errEncoding
	}
	return file, nil
}

func decodeUTF16(b []byte, order binary.ByteOrder) ([]byte, error) {
	if len(b)%2 != 0 {
		return nil, errOddUTF16
	}
	units := make([]uint16, len(b)/2)
	for i := range units {
		units[i] = order.Uint16(b[2*i:])
	}
	return []byte(string(utf16.Decode(units))), nil
}
