package frames

import "switchyard/amqp/encoding"

// Sections that only clients write, and what reads a state alone.

// AppendFooter adds a footer section; nil is written as an empty one.
func AppendFooter(dst []byte, m *encoding.Map) ([]byte, error) {
	return appendMapSection(dst, CodeFooter, m)
}

// AppendSequence adds an amqp-sequence section.
func AppendSequence(dst []byte, l encoding.List) ([]byte, error) {
	out, err := encoding.Append(append(dst, 0x00, 0x53, byte(CodeSequence)), l)
	if err != nil {
		return dst, err
	}
	return out, nil
}

// ParseState reads a delivery state; the bytes after it are ignored.
func ParseState(b []byte) (State, error) {
	code, in, _, err := ReadList(b)
	if err != nil {
		return nil, err
	}
	s := readStateFields(code, &in)
	return s, in.Err()
}
