package expr

import (
	"encoding/base64"
	"strings"

	"switchyard/value"
)

// The functions of [EXPR 8] that convert between text, base64, data URIs and
// URI components.

const binaryType = "application/octet-stream"

// bytes returns the bytes of a string or of a content object.
func (c *call) bytes(i int) ([]byte, error) {
	switch v := c.args[i].(type) {
	case string:
		return []byte(v), nil
	case *value.Object:
		if content, ok := value.ContentOf(v); ok {
			return content.Data, nil
		}
	}
	return nil, c.wrong(i, "a string")
}

// binary charges and makes a content object.
func (c *call) binary(mediaType string, data []byte) (value.Value, error) {
	if err := c.ev.charge(2 * len(data)); err != nil {
		return nil, err
	}
	return value.NewContent(mediaType, data), nil
}

// decodeBase64 decodes padded base64 and ignores white space, as .NET does.
func decodeBase64(s string) ([]byte, error) {
	if strings.ContainsAny(s, " \t\r\n") {
		s = strings.NewReplacer(" ", "", "\t", "", "\r", "", "\n", "").Replace(s)
	}
	return base64.StdEncoding.DecodeString(s)
}

func (c *call) base64Argument() ([]byte, error) {
	s, ok := c.args[0].(string)
	if !ok {
		return nil, c.wrong(0, "a string")
	}
	data, err := decodeBase64(s)
	if err != nil {
		return nil, errorf(
			"The function '%s' expects its parameter to be a base64 encoded string. The provided value is not valid.",
			c.name)
	}
	return data, nil
}

func fnBase64(c *call) (value.Value, error) {
	data, err := c.bytes(0)
	if err != nil {
		return nil, err
	}
	return c.result(base64.StdEncoding.EncodeToString(data))
}

func fnBase64ToString(c *call) (value.Value, error) {
	data, err := c.base64Argument()
	if err != nil {
		return nil, err
	}
	return c.result(strings.ToValidUTF8(string(data), "\uFFFD"))
}

func fnBase64ToBinary(c *call) (value.Value, error) {
	data, err := c.base64Argument()
	if err != nil {
		return nil, err
	}
	return c.binary(binaryType, data)
}

func fnBinary(c *call) (value.Value, error) {
	data, err := c.bytes(0)
	if err != nil {
		return nil, err
	}
	return c.binary(binaryType, data)
}

func fnDataURI(c *call) (value.Value, error) {
	data, err := c.bytes(0)
	if err != nil {
		return nil, err
	}
	mediaType := "text/plain;charset=utf-8"
	if content, ok := value.ContentOf(c.args[0]); ok {
		mediaType = content.MediaType
	}
	return c.result("data:" + mediaType + ";base64," + base64.StdEncoding.EncodeToString(data))
}

// dataURI parses the argument (RFC 2397). The media type is the text of the URI;
// an absent one is text/plain;charset=us-ascii.
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
	if !ok {
		return value.Content{}, invalid
	}
	const marker = ";base64"
	if n := len(mediaType) - len(marker); n >= 0 && strings.EqualFold(mediaType[n:], marker) {
		data, err := decodeBase64(payload)
		if err != nil {
			return value.Content{}, invalid
		}
		return value.Content{MediaType: dataType(mediaType[:n]), Data: data}, nil
	}
	return value.Content{MediaType: dataType(mediaType), Data: unescapePercent(payload, false)}, nil
}

func dataType(s string) string {
	switch {
	case s == "":
		return "text/plain;charset=us-ascii"
	case s[0] == ';':
		return "text/plain" + s
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
	return c.result(u.Text())
}

// fnDecodeDataURI reads the URI as content of its media type.
func fnDecodeDataURI(c *call) (value.Value, error) {
	u, err := c.dataURI()
	if err != nil {
		return nil, err
	}
	kind, parameters, _ := strings.Cut(u.MediaType, ";")
	kind = strings.ToLower(strings.TrimSpace(kind))
	switch {
	case strings.HasPrefix(kind, "text/"):
		return c.result(u.Text())
	case kind == "application/json" || strings.HasSuffix(kind, "+json"):
		if err := c.ev.charge(2 * len(u.Data)); err != nil {
			return nil, err
		}
		v, err := value.ParseDepth([]byte(u.Text()), MaxValueDepth)
		if err != nil {
			return nil, errorf(
				"The function 'decodeDataUri' parameter is not valid. The content cannot be parsed as JSON: %s.", err)
		}
		return v, nil
	}
	mediaType := u.MediaType
	if !strings.Contains(strings.ToLower(parameters), "charset=") {
		mediaType += ";charset=us-ascii"
	}
	return c.binary(mediaType, u.Data)
}

const upperHex = "0123456789ABCDEF"

// fnURIComponent escapes all but the unreserved characters of RFC 3986.
func fnURIComponent(c *call) (value.Value, error) {
	s, err := c.text(0)
	if err != nil {
		return nil, err
	}
	if 3*len(s) > MaxText {
		return nil, errTooLong("the function '" + c.name + "'")
	}
	b := make([]byte, 0, len(s)+len(s)/2)
	for i := 0; i < len(s); i++ {
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
func unescapePercent(s string, plusIsSpace bool) []byte {
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
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
	return b
}

func fnURIComponentToString(c *call) (value.Value, error) {
	s, err := c.text(0)
	if err != nil {
		return nil, err
	}
	return c.result(strings.ToValidUTF8(string(unescapePercent(s, true)), "\uFFFD"))
}

func fnURIComponentToBinary(c *call) (value.Value, error) {
	s, err := c.text(0)
	if err != nil {
		return nil, err
	}
	return c.binary(binaryType, unescapePercent(s, true))
}
