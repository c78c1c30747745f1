package value

import (
	"encoding/base64"
	"unicode/utf8"
)

// A Content is a decoded content object [EXPR 2.2]: binary or XML content as
// JSON carries it.
type Content struct {
	MediaType string // as it was written, with its parameters
	Data      []byte
}

// NewContent returns the content object of data: its media type and its bytes in base64.
func NewContent(mediaType string, data []byte) *Object {
	return EncodedContent(mediaType, base64.StdEncoding.EncodeToString(data))
}

// EncodedContent is [NewContent] of data that is base64 already.
func EncodedContent(mediaType, data string) *Object {
	return NewObject(Member{"$content-type", mediaType}, Member{"$content", data})
}

// ContentOf decodes v if it is a content object: two members with these names,
// both strings, the second one base64.
func ContentOf(v Value) (Content, bool) {
	o, ok := v.(*Object)
	if !ok || o.Len() != 2 {
		return Content{}, false
	}
	t, _ := o.Get("$content-type")
	b, _ := o.Get("$content")
	mediaType, ok1 := t.(string)
	encoded, ok2 := b.(string)
	if !ok1 || !ok2 {
		return Content{}, false
	}
	data, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return Content{}, false
	}
	return Content{mediaType, data}, true
}

// Text returns the content as UTF-8 text, as [UTF8] reads it.
func (c Content) Text() string { return UTF8(c.Data) }

// UTF8 reads bytes as UTF-8. One U+FFFD stands for a character that is cut off, and for
// each other byte that belongs to none, as .NET has it.
func UTF8(b []byte) string {
	if utf8.Valid(b) {
		return string(b)
	}
	out := make([]byte, 0, len(b)+len(b)/8+utf8.UTFMax)
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		if r == utf8.RuneError && n == 1 {
			n = cutOff(b)
		}
		out = utf8.AppendRune(out, r)
		b = b[n:]
	}
	return string(out)
}

// cutOff returns how many bytes, at least one, are the beginning of a character.
func cutOff(b []byte) int {
	low, high, most := byte(0x80), byte(0xBF), 1
	switch c := b[0]; {
	case c < 0xC2 || c > 0xF4:
		return 1
	case c >= 0xF0:
		most = 3
	case c >= 0xE0:
		most = 2
	}
	switch b[0] { // what would be too long, a surrogate or too large
	case 0xE0:
		low = 0xA0
	case 0xED:
		high = 0x9F
	case 0xF0:
		low = 0x90
	case 0xF4:
		high = 0x8F
	}
	n := 1
	for ; n < len(b) && n <= most && b[n] >= low && b[n] <= high; n++ {
		low, high = 0x80, 0xBF
	}
	return n
}
