package value

import (
	"encoding/base64"
	"strings"
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

// Text returns the content as UTF-8 text; bytes that are none become U+FFFD.
func (c Content) Text() string { return strings.ToValidUTF8(string(c.Data), "\uFFFD") }

// IsXML reports whether the media type is one of XML.
func (c Content) IsXML() bool {
	t, _, _ := strings.Cut(c.MediaType, ";")
	t = strings.ToLower(strings.TrimSpace(t))
	return t == "application/xml" || t == "text/xml" || strings.HasSuffix(t, "+xml")
}
