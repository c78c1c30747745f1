package description

import (
	"fmt"
	"strings"
)

// The greatest lengths of names.
const (
	maxPath      = 260 // of a queue or topic
	maxName      = 50  // of a subscription or rule
	minNamespace = 6
	maxNamespace = 50
)

// badCharacters is what Azure says [SB-SEM 1]. It takes ~ all the same.
const badCharacters = "contains character(s) that is not allowed by Service Bus: " +
	"entity segments can contain only letters, numbers, periods (.), hyphens (-), and underscores (_)"

// CheckNamespace says what is wrong with a name for a namespace that a client asks
// for [ARM 6.1]: "it must have 6 to 50 characters".
func CheckNamespace(name string) error {
	lower := strings.ToLower(name)
	switch {
	case len(name) < minNamespace || len(name) > maxNamespace:
		return fmt.Errorf("it must have %d to %d characters", minNamespace, maxNamespace)
	case !letter(name[0]):
		return fmt.Errorf("it must begin with a letter")
	case strings.ContainsFunc(name, func(c rune) bool {
		return c >= 0x80 || !letterOrDigit(byte(c)) && c != '-'
	}):
		return fmt.Errorf("it may contain only letters, digits and hyphens")
	case strings.HasSuffix(lower, "-"), strings.HasSuffix(lower, "-sb"), strings.HasSuffix(lower, "-mgmt"):
		return fmt.Errorf("it must not end in a hyphen, -sb or -mgmt")
	}
	return nil
}

// CheckLabel says what is wrong with a name for a namespace that a program gives to
// a broker of its own: it need not be one that Azure would give away, only a label of
// a host name.
func CheckLabel(name string) error {
	if name == "" || len(name) > maxNamespace {
		return fmt.Errorf("namespace name %q: want 1 to %d characters", name, maxNamespace)
	}
	for i, c := range []byte(name) {
		if !letterOrDigit(c) && (c != '-' || i == 0 || i == len(name)-1) {
			return fmt.Errorf("namespace name %q: want letters, digits and inner hyphens", name)
		}
	}
	return nil
}

// CheckPath says what is wrong with a path for a queue or a topic.
func CheckPath(path string) error {
	if path == "" || len(path) > maxPath {
		return fmt.Errorf("queue path %q: want 1 to %d characters", path, maxPath)
	}
	for segment := range strings.SplitSeq(path, "/") {
		switch {
		case segment == "":
			return fmt.Errorf("queue path %q: empty segment", path)
		case !segmentOf(segment, ""):
			return fmt.Errorf("queue path %q %s", path, badCharacters)
		}
	}
	if !letterOrDigit(path[0]) || !letterOrDigit(path[len(path)-1]) {
		return fmt.Errorf("queue path %q must begin and end with a letter or digit", path)
	}
	return nil
}

// CheckSubscription says what is wrong with a name for a subscription.
func CheckSubscription(name string) error { return checkName("subscription", name, "") }

// CheckRule says what is wrong with a name for a rule, such as $Default.
func CheckRule(name string) error { return checkName("rule", name, "$") }

func checkName(what, name, more string) error {
	switch {
	case name == "" || len(name) > maxName:
		return fmt.Errorf("%s name %q: want 1 to %d characters", what, name, maxName)
	case !segmentOf(name, more):
		return fmt.Errorf("%s name %q %s", what, name, badCharacters)
	}
	return nil
}

// segmentOf reports whether a text has only the characters of segments, and more.
func segmentOf(s, more string) bool {
	for _, c := range []byte(s) {
		if !letterOrDigit(c) && !strings.ContainsRune(".-_~"+more, rune(c)) {
			return false
		}
	}
	return true
}

func letter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

func letterOrDigit(c byte) bool { return letter(c) || '0' <= c && c <= '9' }
