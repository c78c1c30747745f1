package factory

import (
	"fmt"
	"slices"
	"strings"

	"switchyard/value"
)

// Mask is shown in place of a secret. Sent in place of one, it keeps it.
const Mask = "**********"

// A secret is a text in a definition that is not shown.
type secret struct {
	path string // JSON path, as it is spelled
	key  string // the same place ignoring case, and distinct from every other
	node node   // a string
	text string
	// connection: the text is a connection string, of which parts are secret.
	connection bool
}

// masked returns the text as it is shown.
func (s secret) masked() string {
	if s.connection {
		return maskConnection(s.text)
	}
	return Mask
}

// secretMembers are the properties of linked services that are secret by their
// name when they hold text. Data Factory's model has SecureString or a key vault
// reference in these places and takes plain text too.
var secretMembers = []string{
	"password", "accountKey", "accessKey", "secretAccessKey", "servicePrincipalKey",
	"servicePrincipalCredential", "sasUri", "sasToken", "apiKey", "apiToken", "accessToken", "refreshToken",
	"functionKey", "clientSecret", "consumerSecret", "clientKey", "privateKeyContent", "passPhrase", "pfx",
	"credString",
}

// secrets finds what is secret in the properties of a definition, in the order
// of the text. It fails if the text is no JSON.
func secrets(kind Kind, text []byte) ([]secret, error) {
	root, err := scan(text)
	if err != nil {
		return nil, err
	}
	w := secretWalk{text: text,
		byName: kind == LinkedServices || kind == Credentials || kind == IntegrationRuntimes}
	w.walk(root, "$.properties", "")
	return w.found, nil
}

type secretWalk struct {
	text   []byte
	byName bool
	found  []secret
}

func (w *secretWalk) walk(n node, path, key string) {
	for i, e := range n.elements {
		w.walk(e, fmt.Sprintf("%s[%d]", path, i), fmt.Sprintf("%s\x00[%d", key, i))
	}
	secure := false
	if t, ok := n.last("type"); ok {
		s, _ := t.value.string(w.text)
		secure = strings.EqualFold(s, "SecureString")
	}
	for _, m := range n.members {
		at, id := path+"."+m.name, key+"\x00."+strings.ToLower(m.name)
		s, isText := m.value.string(w.text)
		named := func(name string) bool { return strings.EqualFold(m.name, name) }
		switch {
		case !isText:
			w.walk(m.value, at, id)
		case s == "":
		case secure && (named("value") || named("defaultValue")):
			// All of a name that occurs twice: none of them is shown.
			w.found = append(w.found, secret{path: at, key: id, node: m.value, text: s})
		case !w.byName || refersOnly(s):
		case named("connectionString"):
			w.found = append(w.found, secret{path: at, key: id, node: m.value, text: s, connection: true})
		case slices.ContainsFunc(secretMembers, named):
			w.found = append(w.found, secret{path: at, key: id, node: m.value, text: s})
		}
	}
}

// refersOnly reports whether a text is an expression without a literal in it: it
// says where a secret comes from and holds none.
func refersOnly(s string) bool {
	s = strings.TrimSpace(s)
	if !strings.HasPrefix(s, "@") || strings.HasPrefix(s, "@@") || strings.Contains(s, "'") {
		return false
	}
	return !strings.HasPrefix(s, "@{") || strings.IndexByte(s, '}') == len(s)-1
}

// mask returns the properties as they are shown.
func mask(kind Kind, text []byte) []byte {
	found, err := secrets(kind, text)
	if err != nil {
		return []byte(`{}`) // nothing that can't be read is shown
	}
	var edits []edit
	for _, s := range found {
		edits = append(edits, edit{s.node.start, s.node.end, value.Append(nil, s.masked())})
	}
	return apply(text, edits)
}

// restore puts the secrets of an older definition where a newer one has
// [Mask]. A mask without an older secret is an error that names its place.
// holds reports whether there are secrets in the result.
func restore(kind Kind, text, old []byte) (restored []byte, holds bool, err error) {
	found, err := secrets(kind, text)
	if err != nil {
		return nil, false, invalidAt("$.properties", "%v", err)
	}
	before := map[string]secret{}
	if old != nil {
		list, err := secrets(kind, old)
		if err != nil {
			return nil, false, err
		}
		for _, s := range list {
			before[s.key] = s
		}
	}
	var edits []edit
	for _, s := range found {
		plain := s.text
		was, ok := before[s.key]
		switch {
		case s.text == Mask && ok:
			plain = was.text
		case s.text == Mask:
			return nil, false, invalidAt(s.path, "is %s, which keeps a secret, and there is none to keep", Mask)
		case s.connection:
			var missing string
			if plain, missing = restoreConnection(s.text, was.text); missing != "" {
				return nil, false, invalidAt(s.path,
					"has %s=%s, which keeps a secret, and there is none to keep", missing, Mask)
			}
		}
		if plain != s.text {
			edits = append(edits, edit{s.node.start, s.node.end, value.Append(nil, plain)})
		}
	}
	return apply(text, edits), len(found) > 0, nil
}
