package language

import (
	"unicode"
	"unicode/utf8"
)

// An indexType says in which unit offsets and lengths count
// (definition StringIndexType). The zero value is the service's default.
type indexType int

const (
	textElementsV8 indexType = iota
	unicodeCodePoint
	utf16CodeUnit
)

func (t *indexType) set(s string) bool {
	switch s {
	case "TextElements_v8":
		*t = textElementsV8
	case "UnicodeCodePoint":
		*t = unicodeCodePoint
	case "Utf16CodeUnit":
		*t = utf16CodeUnit
	default:
		return false
	}
	return true
}

// A cursor translates byte offsets of one text to units. Rising offsets cost
// one pass over the text in all; a falling one starts again.
type cursor struct {
	text  string
	unit  indexType
	pos   int
	count int
	seg   segmenter
}

// at returns the number of units that begin before byte offset off.
func (c *cursor) at(off int) int {
	if off < c.pos {
		c.pos, c.count, c.seg = 0, 0, segmenter{}
	}
	for c.pos < off {
		r, n := utf8.DecodeRuneInString(c.text[c.pos:])
		switch c.unit {
		case textElementsV8:
			if c.seg.starts(r) {
				c.count++
			}
		case unicodeCodePoint:
			c.count++
		case utf16CodeUnit:
			c.count++
			if r > 0xffff {
				c.count++
			}
		}
		c.pos += n
	}
	return c.count
}

// span returns offset and length of text[from:to].
func (c *cursor) span(from, to int) (offset, length int) {
	offset = c.at(from)
	return offset, c.at(to) - offset
}

// countElements counts the text elements of s, and stops one beyond limit.
func countElements(s string, limit int) int {
	var seg segmenter
	n := 0
	for _, r := range s {
		if seg.starts(r) {
			if n++; n > limit {
				break
			}
		}
	}
	return n
}

// A segmenter finds extended grapheme cluster boundaries by the rules of
// Unicode 8.0.0 (UAX #29 revision 27): before emoji sequences were joined, so
// that a family emoji counts as several elements and a flag as one.
type segmenter struct {
	prev class
}

type class uint8

const (
	classNone class = iota // start of text
	classOther
	classCR
	classLF
	classControl
	classExtend
	classSpacingMark
	classRegional
	classL
	classV
	classT
	classLV
	classLVT
)

// starts reports whether r begins a new element after what it has seen.
func (s *segmenter) starts(r rune) bool {
	c := classify(r)
	p := s.prev
	s.prev = c
	switch {
	case p == classNone: // GB1
		return true
	case p == classCR && c == classLF: // GB3
		return false
	case p == classCR, p == classLF, p == classControl, // GB4
		c == classCR, c == classLF, c == classControl: // GB5
		return true
	case p == classL && (c == classL || c == classV || c == classLV || c == classLVT), // GB6
		(p == classLV || p == classV) && (c == classV || c == classT), // GB7
		(p == classLVT || p == classT) && c == classT,                 // GB8
		p == classRegional && c == classRegional,                      // GB8a
		c == classExtend, c == classSpacingMark:                       // GB9, GB9a
		return false
	}
	return true
}

func classify(r rune) class {
	switch {
	case r == '\r':
		return classCR
	case r == '\n':
		return classLF
	case r < 0x20, r >= 0x7f && r < 0xa0:
		return classControl
	case r < 0x300:
		if r == 0xad {
			return classControl
		}
		return classOther
	case r == 0x200c, r == 0x200d: // ZWNJ and ZWJ: Grapheme_Extend in 8.0.0
		return classExtend
	case r >= 0x1100 && r <= 0x115f, r >= 0xa960 && r <= 0xa97c:
		return classL
	case r >= 0x1160 && r <= 0x11a7, r >= 0xd7b0 && r <= 0xd7c6:
		return classV
	case r >= 0x11a8 && r <= 0x11ff, r >= 0xd7cb && r <= 0xd7fb:
		return classT
	case r >= 0xac00 && r <= 0xd7a3:
		if (r-0xac00)%28 == 0 {
			return classLV
		}
		return classLVT
	case r >= 0x1f1e6 && r <= 0x1f1ff:
		return classRegional
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Other_Grapheme_Extend):
		return classExtend
	case r == 0xe33, r == 0xeb3, unicode.Is(unicode.Mc, r) && !standsAlone(r):
		return classSpacingMark
	case unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp):
		return classControl
	}
	return classOther
}

// standsAlone lists the spacing marks of Unicode 8.0.0 that UAX #29 takes out of
// SpacingMark.
func standsAlone(r rune) bool {
	switch {
	case r < 0x102b:
		return false
	case r == 0x102b, r == 0x102c, r == 0x1038, r >= 0x1062 && r <= 0x1064, r >= 0x1067 && r <= 0x106d,
		r == 0x1083, r >= 0x1087 && r <= 0x108c, r == 0x108f, r >= 0x109a && r <= 0x109c,
		r == 0x1a61, r == 0x1a63, r == 0x1a64, r == 0xaa7b, r == 0xaa7d, r == 0x11720, r == 0x11721:
		return true
	}
	return false
}
