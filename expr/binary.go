package expr

import (
	"encoding/base64"
	"errors"
	"slices"
	"strings"

	"switchyard/value"
)

// The functions of [EXPR 8] that convert between text, base64, data URIs and
// URI components.

const binaryType = "application/octet-stream"

// bytes returns the bytes of the first argument: of a content object what it holds, of
// any other value its text.
func (c *call) bytes() ([]byte, error) {
	if o, ok := c.args[0].(*value.Object); ok {
		if err := c.ev.spend(contentSteps(o)); err != nil {
			return nil, err
		}
		if content, ok := value.ContentOf(o); ok {
			return content.Data, nil
		}
	}
	text, err := c.ev.text(c.args[0], "the function '"+c.name+"'")
	return []byte(text), err
}

// binary charges and makes a content object.
func (c *call) binary(mediaType string, data []byte) (value.Value, error) {
	if err := c.ev.charge(2 * len(data)); err != nil {
		return nil, err
	}
	text, err := c.ev.encodeBase64(data)
	if err != nil {
		return nil, err
	}
	return value.EncodedContent(mediaType, text), nil
}

var base64Space = strings.NewReplacer(" ", "", "\t", "", "\r", "", "\n", "")

var errBase64 = errors.New("not base64")

// decodeBase64 decodes padded base64 and ignores white space, as .NET does.
func (ev *evaluation) decodeBase64(s string) ([]byte, error) {
	var err error
	if strings.ContainsAny(s, " \t\r\n") {
		s, err = ev.build(s, 4, func(b *strings.Builder, part string) { b.WriteString(base64Space.Replace(part)) })
		if err != nil {
			return nil, err
		}
	}
	out := make([]byte, 0, base64.StdEncoding.DecodedLen(len(s)))
	for s != "" {
		part := s[:min(block, len(s))] // a block is a multiple of four
		s = s[len(part):]
		if err := ev.spend(1 + len(part)/8); err != nil {
			return nil, err
		}
		before := len(out)
		if out, err = base64.StdEncoding.AppendDecode(out, []byte(part)); err != nil {
			return nil, errBase64
		}
		if s != "" && len(out)-before < block/4*3 {
			return nil, errBase64 // padding in the middle
		}
	}
	return out, nil
}

// encodeBase64 encodes data.
func (ev *evaluation) encodeBase64(data []byte) (string, error) {
	const part = block / 4 * 3
	out := make([]byte, 0, base64.StdEncoding.EncodedLen(len(data)))
	for len(data) > 0 {
		n := min(part, len(data))
		if err := ev.spend(1 + n/8); err != nil {
			return "", err
		}
		out = base64.StdEncoding.AppendEncode(out, data[:n])
		data = data[n:]
	}
	return string(out), nil
}

func (c *call) base64Argument() ([]byte, error) {
	s, ok := c.args[0].(string)
	if !ok {
		return nil, c.wrong(0, "a string")
	}
	data, err := c.ev.decodeBase64(s)
	if e, ok := err.(*Error); ok {
		return nil, e
	}
	if err != nil {
		return nil, errorf(
			"The function '%s' expects its parameter to be a base64 encoded string. The provided value is not valid.",
			c.name)
	}
	return data, nil
}

func fnBase64(c *call) (value.Value, error) {
	switch c.args[0].(type) {
	case string, value.Array, *value.Object:
	default:
		return nil, c.wrong(0, "a string, an object or an array")
	}
	data, err := c.bytes()
	if err != nil {
		return nil, err
	}
	text, err := c.ev.encodeBase64(data)
	if err != nil {
		return nil, err
	}
	return c.result(text)
}

func fnBase64ToString(c *call) (value.Value, error) {
	data, err := c.base64Argument()
	if err != nil {
		return nil, err
	}
	return c.result(value.UTF8(data))
}

func fnBase64ToBinary(c *call) (value.Value, error) {
	data, err := c.base64Argument()
	if err != nil {
		return nil, err
	}
	return c.binary(binaryType, data)
}

func fnBinary(c *call) (value.Value, error) {
	if c.args[0] == nil {
		return nil, c.notConvertible()
	}
	data, err := c.bytes()
	if err != nil {
		return nil, err
	}
	return c.binary(binaryType, data)
}

func fnDataURI(c *call) (value.Value, error) {
	if c.args[0] == nil {
		return nil, c.notConvertible()
	}
	data, err := c.bytes()
	if err != nil {
		return nil, err
	}
	mediaType := "application/json;charset=utf-8"
	if _, ok := c.args[0].(string); ok {
		mediaType = "text/plain;charset=utf-8"
	} else if content, ok := value.ContentOf(c.args[0]); ok {
		mediaType = content.MediaType
	}
	text, err := c.ev.encodeBase64(data)
	if err != nil {
		return nil, err
	}
	return c.result("data:" + mediaType + ";base64," + text)
}

// dataURI parses the argument (RFC 2397). The media type is the text of the URI; an
// absent one is text/plain.
func (c *call) dataURI() (value.Content, error) {
	invalid := errorf(
		"The function '%s' expects its parameter to be a data URI. The provided value is not valid.", c.name)
	s, err := c.text(0)
	if err != nil {
		return value.Content{}, err
	}
	if len(s) < 5 || !strings.EqualFold(s[:5], "data:") {
		return value.Content{}, invalid
	}
	mediaType, payload, ok := strings.Cut(s[5:], ",")
	if !ok || strings.HasPrefix(mediaType, ";") && !strings.EqualFold(mediaType, ";base64") {
		return value.Content{}, invalid
	}
	const marker = ";base64"
	if n := len(mediaType) - len(marker); n >= 0 && strings.EqualFold(mediaType[n:], marker) {
		data, err := c.ev.decodeBase64(payload)
		if e, ok := err.(*Error); ok {
			return value.Content{}, e
		}
		if err != nil {
			return value.Content{}, invalid
		}
		return value.Content{MediaType: dataType(mediaType[:n]), Data: data}, nil
	}
	data, err := c.ev.unescapePercent(payload, true)
	return value.Content{MediaType: dataType(mediaType), Data: data}, err
}

func dataType(s string) string {
	if s == "" {
		return "text/plain"
	}
	return s
}

func fnDataURIToBinary(c *call) (value.Value, error) {
	u, err := c.dataURI()
	if err != nil {
		return nil, err
	}
	return c.binary(u.MediaType, u.Data)
}

func fnDataURIToString(c *call) (value.Value, error) {
	u, err := c.dataURI()
	if err != nil {
		return nil, err
	}
	return c.contentText(u, "utf-8")
}

// contentText returns what u holds as text, if its charset is one of the names.
func (c *call) contentText(u value.Content, names ...string) (value.Value, error) {
	if charset := charsetOf(u.MediaType); charset != "" && !slices.Contains(names, strings.ToLower(charset)) {
		return nil, errorf("The function '%s' does not support the charset '%s'; it supports %s.",
			c.name, charset, strings.Join(names, " and "))
	}
	return c.result(u.Text())
}

// charsetOf returns the parameter charset of a media type.
func charsetOf(mediaType string) string {
	for parameter := range strings.SplitSeq(mediaType, ";") {
		name, v, ok := strings.Cut(strings.TrimSpace(parameter), "=")
		if ok && strings.EqualFold(name, "charset") {
			return v
		}
	}
	return ""
}

// fnDecodeDataURI reads the URI as content of its media type.
func fnDecodeDataURI(c *call) (value.Value, error) {
	u, err := c.dataURI()
	if err != nil {
		return nil, err
	}
	kind, _, _ := strings.Cut(u.MediaType, ";")
	kind = strings.ToLower(strings.TrimSpace(kind))
	switch {
	case strings.HasPrefix(kind, "text/"):
		return c.contentText(u, "utf-8", "us-ascii")
	case kind == "application/json" || strings.HasSuffix(kind, "+json"):
		return c.parseJSON(u.Text(),
			"The function 'decodeDataUri' parameter is not valid. The content cannot be parsed as JSON: %s.")
	}
	mediaType := u.MediaType
	if charsetOf(mediaType) == "" {
		mediaType += ";charset=us-ascii"
	}
	return c.binary(mediaType, u.Data)
}

const upperHex = "0123456789ABCDEF"

// fnURIComponent escapes all but the unreserved characters of RFC 3986 in the text of
// any value.
func fnURIComponent(c *call) (value.Value, error) {
	s, err := c.ev.text(c.args[0], "the function '"+c.name+"'")
	if err != nil {
		return nil, err
	}
	if 3*len(s) > MaxText {
		return nil, errTooLong("the function '" + c.name + "'")
	}
	b := make([]byte, 0, len(s)+len(s)/2)
	for i := 0; i < len(s); i++ {
		if i%block == 0 {
			if err := c.ev.spend(1 + min(block, len(s)-i)/4); err != nil {
				return nil, err
			}
		}
		ch := s[i]
		if isDigit(ch) || ch|0x20 >= 'a' && ch|0x20 <= 'z' || strings.IndexByte("-_.~", ch) >= 0 {
			b = append(b, ch)
			continue
		}
		b = append(b, '%', upperHex[ch>>4], upperHex[ch&15])
	}
	return c.result(string(b))
}

func unhex(c byte) int {
	switch {
	case isDigit(c):
		return int(c - '0')
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return int(c|0x20-'a') + 10
	}
	return -1
}

// unescapePercent decodes percent escapes and leaves malformed ones as they are.
func (ev *evaluation) unescapePercent(s string, plusIsSpace bool) ([]byte, error) {
	b := make([]byte, 0, len(s))
	look := 0
	for i := 0; i < len(s); i++ {
		if i >= look {
			look = i + block
			if err := ev.spend(1 + min(block, len(s)-i)/4); err != nil {
				return nil, err
			}
		}
		switch ch := s[i]; {
		case ch == '%' && i+2 < len(s) && unhex(s[i+1]) >= 0 && unhex(s[i+2]) >= 0:
			b = append(b, byte(unhex(s[i+1])<<4|unhex(s[i+2])))
			i += 2
		case ch == '+' && plusIsSpace:
			b = append(b, ' ')
		default:
			b = append(b, ch)
		}
	}
	return b, nil
}

func fnURIComponentToString(c *call) (value.Value, error) {
	s, err := c.text(0)
	if err != nil {
		return nil, err
	}
	b, err := c.ev.unescapePercent(s, true)
	if err != nil {
		return nil, err
	}
	return c.result(strings.ToValidUTF8(string(b), "\uFFFD"))
}

func fnURIComponentToBinary(c *call) (value.Value, error) {
	s, err := c.text(0)
	if err != nil {
		return nil, err
	}
	b, err := c.ev.unescapePercent(s, true)
	if err != nil {
		return nil, err
	}
	return c.binary(binaryType, b)
}
