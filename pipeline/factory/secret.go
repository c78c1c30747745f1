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
// reference in these places and takes plain text too: they are all whose type in armdatafactory
// 9.1.0 is SecretBase, and those that take anything.
var secretMembers = []string{
	"accessKey", "accessToken", "accessTokenSecret", "accountKey", "apiKey", "apiToken", "clientKey", "clientSecret",
	"clusterPassword", "clusterSshPassword", "consumerKey", "consumerSecret", "credString", "credential", "developerToken",
	"functionKey", "key", "keyFileContent", "licenseKey", "mwsAuthToken", "packagePassword", "passPhrase", "password",
	"pfx", "privateKey", "privateKeyContent", "privateKeyPassphrase", "refreshToken", "sasToken", "sasUri",
	"secretAccessKey", "secretKey", "securityToken", "servicePrincipalCredential", "servicePrincipalEmbeddedCert",
	"servicePrincipalEmbeddedCertPassword", "servicePrincipalKey", "sessionToken", "sslPassword", "userToken",
}

// secretObjects are the properties of which every member is a secret, whatever its name.
var secretObjects = []string{"authHeaders"}

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
	whole  bool // what walk is called for next is one of secretObjects
	found  []secret
}

func (w *secretWalk) walk(n node, path, key string) {
	whole := w.whole
	w.whole = false
	for i, e := range n.elements {
		w.walk(e, fmt.Sprintf("%s[%d]", path, i), fmt.Sprintf("%s\x00[%d", key, i))
	}
	secure := false
	if t, ok := n.last("type"); ok {
		s, _ := t.value.string(w.text)
		secure = strings.EqualFold(s, "SecureString")
		whole = whole && !secure && !strings.EqualFold(s, "Expression") // then it is one value, not headers
	}
	for _, m := range n.members {
		at, id := path+"."+m.name, key+"\x00."+strings.ToLower(m.name)
		s, isText := m.value.string(w.text)
		named := func(name string) bool { return strings.EqualFold(m.name, name) }
		switch {
		case !isText:
			w.whole = w.byName && slices.ContainsFunc(secretObjects, named)
			w.walk(m.value, at, id)
		case s == "":
		case secure && (named("value") || named("defaultValue")):
			// All of a name that occurs twice: none of them is shown.
			w.found = append(w.found, secret{path: at, key: id, node: m.value, text: s})
		case !w.byName || refersOnly(s):
		case named("connectionString"):
			w.found = append(w.found, secret{path: at, key: id, node: m.value, text: s, connection: true})
		case whole || slices.ContainsFunc(secretMembers, named):
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
