package expr

import (
	"encoding/base64"
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Text converts v to text as string(), concat, join and interpolation do
// (section 2.5): booleans are True and False, null is empty, floats are written
// as .NET writes them, a content object is its decoded text, and any other
// array or object is its compact JSON.
func Text(v Value) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case bool:
		if v {
			return "True"
		}
		return "False"
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		return floatText(v)
	case *Object:
		if c, ok := contentOf(v); ok {
			return c.text()
		}
	}
	return string(AppendJSON(nil, v))
}

// floatText writes f as .NET does with the invariant culture: the shortest
// digits that read back as f, with an exponent only below 1E-04 and from 1E+17.
func floatText(f float64) string {
	if f == 0 {
		return "0"
	}
	digits := strconv.FormatFloat(f, 'e', -1, 64)
	mantissa, exponent, _ := strings.Cut(digits, "e")
	if e, _ := strconv.Atoi(exponent); e >= -4 && e <= 16 || math.IsInf(f, 0) || math.IsNaN(f) {
		return strconv.FormatFloat(f, 'f', -1, 64)
	}
	return mantissa + "E" + exponent // Go writes the sign and at least two digits, as .NET does
}

// typeName returns the name of v's type as error messages spell it.
func typeName(v Value) string {
	switch v.(type) {
	case nil:
		return "Null"
	case bool:
		return "Boolean"
	case int64:
		return "Integer"
	case float64:
		return "Float"
	case string:
		return "String"
	case Array:
		return "Array"
	}
	return "Object"
}

// A content is a decoded content object (section 2.2): binary or XML content
// as JSON carries it.
type content struct {
	mediaType string
	data      []byte
}

func newContent(mediaType string, data []byte) *Object {
	return NewObject(
		Member{"$content-type", mediaType},
		Member{"$content", base64.StdEncoding.EncodeToString(data)},
	)
}

// contentOf decodes v if it is a content object: two members with these names,
// both strings, the second one base64.
func contentOf(v Value) (content, bool) {
	o, ok := v.(*Object)
	if !ok || o.Len() != 2 {
		return content{}, false
	}
	t, _ := o.Get("$content-type")
	b, _ := o.Get("$content")
	mediaType, ok1 := t.(string)
	encoded, ok2 := b.(string)
	if !ok1 || !ok2 {
		return content{}, false
	}
	data, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return content{}, false
	}
	return content{mediaType, data}, true
}

// text returns the content as UTF-8 text; bytes that are none become U+FFFD.
func (c content) text() string { return strings.ToValidUTF8(string(c.data), "\uFFFD") }

func (c content) isXML() bool {
	t, _, _ := strings.Cut(c.mediaType, ";")
	t = strings.ToLower(strings.TrimSpace(t))
	return t == "application/xml" || t == "text/xml" || strings.HasSuffix(t, "+xml")
}

// upperRune and lowerRune map one character as the invariant culture does:
// one to one, and without the mappings that belong to a language.
func upperRune(r rune) rune {
	if r < utf8.RuneSelf {
		if r >= 'a' && r <= 'z' {
			r -= 'a' - 'A'
		}
		return r
	}
	if r == 'ı' || r == 'ſ' {
		return r
	}
	return unicode.ToUpper(r)
}

func lowerRune(r rune) rune {
	if r == 'İ' {
		return r
	}
	return unicode.ToLower(r)
}

// fold upper-cases s for comparisons that ignore case. It keeps the number of
// UTF-16 code units of every prefix.
func fold(s string) string { return strings.Map(upperRune, s) }

// units returns the length of s in UTF-16 code units.
func units(s string) int {
	if isASCII(s) {
		return len(s)
	}
	n := 0
	for _, r := range s {
		n++
		if r > 0xFFFF {
			n++
		}
	}
	return n
}

// isASCII reports whether byte and code-unit positions in s are the same.
func isASCII(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// sliceUnits returns the code units of s from start up to end. Half a surrogate
// pair at a border becomes U+FFFD, since strings here are UTF-8.
func sliceUnits(s string, start, end int) string {
	if isASCII(s) {
		return s[start:end]
	}
	return string(utf16.Decode(utf16.Encode([]rune(s))[start:end]))
}
