package arm

import "strings"

// Covers reports whether the scope named by id is other or contains it. The
// tenant contains everything.
func (id ResourceID) Covers(other ResourceID) bool {
	a, b := id.Key(), other.Key()
	return a == b || a == "" || strings.HasPrefix(b, a+"/")
}
