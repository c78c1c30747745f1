package factory

import "strings"

// A connection string is a list of key=value parts between semicolons. Values
// may be quoted, and may hold expressions in braces.

// A part of a connection string: text is all of it, value what follows the first
// equals sign.
type part struct{ text, key, value string }

// connectionParts splits a connection string. The second result is false if it
// is not of that form.
func connectionParts(s string) (parts []part, ok bool) {
	for len(s) > 0 {
		end := partEnd(s)
		p := part{text: s[:end]}
		s = s[min(end+1, len(s)):]
		if strings.TrimSpace(p.text) != "" {
			var found bool
			if p.key, p.value, found = strings.Cut(p.text, "="); !found || !isConnectionKey(p.key) {
				return nil, false
			}
			p.key = strings.TrimSpace(p.key)
		}
		parts = append(parts, p)
	}
	return parts, len(parts) > 0
}

// partEnd returns where the first part ends: at a semicolon outside of quotes
// and of @{…}.
func partEnd(s string) int {
	quote, depth := byte(0), 0
	value := false
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case depth > 0:
			if c == '{' {
				depth++
			} else if c == '}' {
				depth--
			}
		case c == '@' && i+1 < len(s) && s[i+1] == '{':
			depth, i = 1, i+1
		case c == '=' && !value:
			value = true
			if rest := strings.TrimLeft(s[i+1:], " "); rest != "" && (rest[0] == '"' || rest[0] == '\'') {
				// Only a quote that is closed is one.
				if strings.IndexByte(rest[1:], rest[0]) >= 0 {
					quote = rest[0]
					i = len(s) - len(rest)
				}
			}
		case c == ';':
			return i
		}
	}
	return len(s)
}

func isConnectionKey(s string) bool {
	s = strings.TrimSpace(s)
	if s == "" || len(s) > 64 {
		return false
	}
	for i := 0; i < len(s); i++ {
		if c := s[i] | 0x20; (c < 'a' || c > 'z') && (c < '0' || c > '9') &&
			!strings.ContainsRune(" _-.", rune(s[i])) {
			return false
		}
	}
	return true
}

// isSecretKey tells by the key whether a part is secret: AccountKey,
// SharedAccessKey, Password, Pwd and the like, but not SharedAccessKeyName.
func isSecretKey(key string) bool {
	key = strings.ToLower(strings.NewReplacer(" ", "", "_", "", "-", "").Replace(key))
	if strings.HasSuffix(key, "name") {
		return false
	}
	for _, word := range []string{"key", "password", "pwd", "secret", "signature", "token",
		"credential", "passphrase"} {
		if strings.Contains(key, word) {
			return true
		}
	}
	return key == "sig" || key == "pass"
}

// maskConnection shows a connection string without its secrets, and nothing of
// one that it doesn't understand.
func maskConnection(s string) string {
	parts, ok := connectionParts(s)
	if !ok {
		return Mask
	}
	for i, p := range parts {
		if isSecretKey(p.key) && strings.TrimSpace(p.value) != "" && !refersOnly(p.value) {
			parts[i].text = p.text[:len(p.text)-len(p.value)] + Mask
		}
	}
	return joinParts(parts, s)
}

func joinParts(parts []part, like string) string {
	texts := make([]string, len(parts))
	for i, p := range parts {
		texts[i] = p.text
	}
	s := strings.Join(texts, ";")
	if strings.HasSuffix(like, ";") {
		s += ";"
	}
	return s
}

// restoreConnection puts the parts of an older connection string where a newer
// one has masks. It returns the key of a mask that nothing is known of.
func restoreConnection(s, old string) (restored, missing string) {
	parts, ok := connectionParts(s)
	if !ok {
		return s, ""
	}
	before, _ := connectionParts(old)
	changed := false
	for i, p := range parts {
		if strings.TrimSpace(p.value) != Mask {
			continue
		}
		found := false
		for _, o := range before {
			if strings.EqualFold(o.key, p.key) {
				parts[i].text = p.text[:len(p.text)-len(p.value)] + o.value
				found, changed = true, true
			}
		}
		if !found {
			return "", p.key
		}
	}
	if !changed {
		return s, ""
	}
	return joinParts(parts, s), ""
}
