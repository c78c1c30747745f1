package factory

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"switchyard/value"
)

// This file finds values in a JSON text without changing it: definitions are
// kept and shown as they were sent, to the spelling of their numbers.

// A node is a JSON value and where it stands in its text.
type node struct {
	start, end int
	kind       byte // '{', '[', '"', or 0 for all others
	members    []member
	elements   []node
}

// A member is a member of an object; start is where its name begins.
type member struct {
	name  string
	start int
	value node
}

var errText = errors.New("not a JSON text")

// scan reads a text that [value.Parse] has accepted. Any other is read as far
// as it goes, or fails.
func scan(text []byte) (node, error) {
	s := scanner{text: text}
	s.space()
	n := s.value(0)
	s.space()
	if s.failed || s.pos < len(text) {
		return node{}, errText
	}
	return n, nil
}

type scanner struct {
	text   []byte
	pos    int
	failed bool
}

// peek returns the next byte; the end is a failure.
func (s *scanner) peek() byte {
	if s.pos < len(s.text) {
		return s.text[s.pos]
	}
	s.failed = true
	return 0
}

func (s *scanner) space() {
	for s.pos < len(s.text) && strings.IndexByte(" \t\r\n", s.text[s.pos]) >= 0 {
		s.pos++
	}
}

func (s *scanner) value(depth int) node {
	n := node{start: s.pos}
	switch c := s.peek(); {
	case depth > value.MaxDepth:
		s.failed = true
	case c == '"':
		n.kind = c
		s.literal()
	case c == '{', c == '[':
		n.kind = c
		s.pos++
		s.list(&n, depth)
	default:
		for s.pos < len(s.text) && strings.IndexByte(" \t\r\n,]}", s.text[s.pos]) < 0 {
			s.pos++
		}
		s.failed = s.failed || s.pos == n.start
	}
	n.end = s.pos
	return n
}

// list reads the rest of an object or array.
func (s *scanner) list(n *node, depth int) {
	end := n.kind + 2 // ']' and '}'
	s.space()
	if s.peek() == end {
		s.pos++
		return
	}
	for !s.failed {
		s.space()
		if n.kind == '{' {
			m := member{start: s.pos}
			m.name = s.literal()
			s.space()
			if s.peek() != ':' {
				s.failed = true
				return
			}
			s.pos++
			s.space()
			m.value = s.value(depth + 1)
			n.members = append(n.members, m)
		} else {
			n.elements = append(n.elements, s.value(depth+1))
		}
		s.space()
		switch s.peek() {
		case ',':
			s.pos++
		case end:
			s.pos++
			return
		default:
			s.failed = true
		}
	}
}

// literal reads a string and returns what it stands for.
func (s *scanner) literal() string {
	start := s.pos
	if s.peek() != '"' {
		s.failed = true
		return ""
	}
	for s.pos++; s.pos < len(s.text); s.pos++ {
		switch s.text[s.pos] {
		case '\\':
			s.pos++
		case '"':
			s.pos++
			return decode(s.text[start:s.pos])
		}
	}
	s.failed, s.pos = true, len(s.text)
	return ""
}

// decode returns what a string literal stands for, "" if it is none.
func decode(text []byte) string {
	v, _ := value.Parse(text)
	s, _ := v.(string)
	return s
}

// last returns the member of a name, exactly or else ignoring case, as
// [value.Object.Lookup] finds it. Of a name that occurs twice the last counts.
func (n node) last(name string) (m member, ok bool) {
	for _, x := range n.members {
		if x.name == name {
			m, ok = x, true
		}
	}
	for i := 0; !ok && i < len(n.members); i++ {
		if x := n.members[i]; strings.EqualFold(x.name, name) {
			return n.last(x.name)
		}
	}
	return m, ok
}

// string returns the value of a string node.
func (n node) string(text []byte) (string, bool) {
	if n.kind != '"' {
		return "", false
	}
	return decode(text[n.start:n.end]), true
}

// An edit puts other text in the place of a part of a text.
type edit struct {
	start, end int
	text       []byte
}

// apply makes edits, which don't overlap.
func apply(text []byte, edits []edit) []byte {
	if len(edits) == 0 {
		return text
	}
	slices.SortFunc(edits, func(a, b edit) int { return a.start - b.start })
	var out []byte
	at := 0
	for _, e := range edits {
		out = append(append(out, text[at:e.start]...), e.text...)
		at = e.end
	}
	return append(out, text[at:]...)
}

// WithMember returns an object's text with a member set: in its place if it is
// there, at the end if not.
func WithMember(text []byte, name string, val []byte) []byte {
	root, err := scan(text)
	if err != nil || root.kind != '{' {
		return text
	}
	if m, ok := root.last(name); ok {
		return apply(text, []edit{{m.value.start, m.value.end, val}})
	}
	add := append(append(value.Append(nil, name), ':'), val...)
	if len(root.members) > 0 {
		add = append([]byte{','}, add...)
	}
	return apply(text, []edit{{root.end - 1, root.end - 1, add}})
}

// without returns an object's text without the members of the names, ignoring
// case.
func without(text []byte, names ...string) []byte {
	root, err := scan(text)
	if err != nil || root.kind != '{' {
		return text
	}
	out := []byte{'{'}
	for _, m := range root.members {
		if slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, m.name) }) {
			continue
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(out, text[m.start:m.value.end]...)
	}
	return append(out, '}')
}

// compact removes the space between tokens and nothing else.
func compact(text []byte) []byte {
	var b bytes.Buffer
	if json.Compact(&b, text) != nil {
		return text
	}
	return b.Bytes()
}

// Member returns the text of a member of a JSON object, and of the last one if
// there are several of the name, ignoring case; nil if there is none or it is
// null. The text is as in the document, without the space between tokens.
func Member(document []byte, name string) []byte {
	document = bytes.TrimPrefix(document, []byte("\xEF\xBB\xBF"))
	root, err := scan(document)
	if err != nil {
		return nil
	}
	m, ok := root.last(name)
	if !ok {
		return nil
	}
	text := compact(document[m.value.start:m.value.end])
	if string(text) == "null" {
		return nil
	}
	return text
}
