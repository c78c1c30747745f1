package provider

import (
	"fmt"
	"regexp"
	"strings"
)

// pkg is the package of every token.
const pkg = "azure-native"

// token is azure-native:module[/vVERSION]:Member. The version chooses an
// api-version; the shapes are the same.
type token struct {
	Module     string // servicebus
	APIVersion string // 2024-01-01, or "" for the default
	Member     string // Queue, listQueueKeys
}

var infix = regexp.MustCompile(`^v(\d{4})(\d{2})(\d{2})((?:preview|alpha|beta|privatepreview)?)$`)

func parseToken(s string) (token, error) {
	parts := strings.Split(s, ":")
	if len(parts) != 3 || parts[0] != pkg || parts[1] == "" || parts[2] == "" {
		return token{}, fmt.Errorf("%q is no token of the package %s", s, pkg)
	}
	t := token{Module: parts[1], Member: parts[2]}
	module, version, ok := strings.Cut(parts[1], "/")
	if !ok {
		return t, nil
	}
	if module == "" {
		return token{}, fmt.Errorf("%q is no token of the package %s", s, pkg)
	}
	t.Module = module
	if strings.EqualFold(version, t.Member) {
		return t, nil // azure-native:servicebus/queue:Queue, as some tools write it
	}
	m := infix.FindStringSubmatch(version)
	if m == nil {
		return token{}, fmt.Errorf("%q: %q is no version such as v20240101 or v20221001preview", s, version)
	}
	t.APIVersion = m[1] + "-" + m[2] + "-" + m[3]
	if m[4] != "" {
		t.APIVersion += "-" + m[4]
	}
	return t, nil
}

// key is the token without its version, as kinds.go has it.
func (t token) key() string { return t.Module + ":" + t.Member }

// kindOf finds what a resource token names, and the api-version to use.
func kindOf(s string) (*kind, string, error) {
	t, err := parseToken(s)
	if err != nil {
		return nil, "", err
	}
	k, ok := byToken[t.key()]
	if !ok {
		return nil, "", fmt.Errorf("resource type %q is not supported by %s; it knows %s",
			s, Name, strings.Join(supported(), ", "))
	}
	if t.APIVersion != "" {
		return k, t.APIVersion, nil
	}
	return k, k.apiVersion, nil
}
