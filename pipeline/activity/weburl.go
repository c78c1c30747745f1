package activity

import (
	"net/url"
	"strings"
)

// parseURL reads an address as .NET's Uri does, which takes what people write:
// what may not stand in a URL is escaped, what is escaped already stays, and the
// segments . and .. are resolved. base is what a relative address is relative to;
// nil for none.
func parseURL(base *url.URL, s string) (*url.URL, error) {
	s = escapeURL(strings.TrimSpace(s))
	if base == nil {
		base = &url.URL{}
	}
	return base.Parse(s)
}

// escapeURL escapes blanks, quotation marks, percent signs that begin no escape,
// bytes beyond ASCII and the other bytes that RFC 3986 has no place for. The
// host stays: its letters beyond ASCII are not escaped but an international name.
func escapeURL(s string) string {
	var b strings.Builder
	from := pathStart(s)
	b.WriteString(s[:from])
	inPath := true
	for i := from; i < len(s); i++ {
		inPath = inPath && s[i] != '?' && s[i] != '#'
		switch c := s[i]; {
		case c == '\\' && inPath:
			b.WriteByte('/') // as browsers read it too
		case c == '%' && i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2]):
			b.WriteByte(c)
		case c <= ' ' || c >= 0x7F || strings.IndexByte("%\"<>\\^`{|}", c) >= 0:
			b.WriteByte('%')
			b.WriteByte(upperHex[c>>4])
			b.WriteByte(upperHex[c&15])
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

const upperHex = "0123456789ABCDEF"

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'f'
}

// pathStart returns where scheme and host end, 0 for a relative address.
func pathStart(s string) int {
	i := strings.Index(s, "://")
	if i < 0 || strings.ContainsAny(s[:i], "/?#") {
		return 0
	}
	start := i + len("://")
	if n := strings.IndexAny(s[start:], `/?#\`); n >= 0 {
		return start + n
	}
	return len(s)
}
