package resourcesrp

import (
	"net/http"
	"strings"

	"switchyard/arm"
	"switchyard/value"
)

// A filter is a parsed $filter of a list [ARM 5.2]: comparisons with eq and ne,
// substringof('x', name) and startswith(name, 'x'), joined by and, or and
// parentheses. A nil filter matches everything.
type filter interface{ match(o *value.Object) bool }

type (
	all     struct{ parts []filter }
	anyOf   struct{ parts []filter }
	compare struct {
		field, value string
		not          bool
	}
	contains struct {
		field, value string
		prefix       bool
	}
	// tagged is tagName eq 'a' and tagValue eq 'b' beside each other: one tag.
	tagged struct{ name, value string }
)

type parsedFilter struct{ f filter }

func (p parsedFilter) matches(o *value.Object) bool { return p.f == nil || p.f.match(o) }

func (f all) match(o *value.Object) bool {
	for _, p := range f.parts {
		if !p.match(o) {
			return false
		}
	}
	return true
}

func (f anyOf) match(o *value.Object) bool {
	for _, p := range f.parts {
		if p.match(o) {
			return true
		}
	}
	return false
}

func (f compare) match(o *value.Object) bool { return f.equal(o) != f.not }

func (f compare) equal(o *value.Object) bool {
	switch f.field {
	case "tagname":
		_, ok := tagsIn(o).Lookup(f.value)
		return ok
	case "tagvalue":
		for _, m := range tagsIn(o).Members() {
			if m.Value == f.value {
				return true
			}
		}
		return false
	case "location":
		return arm.NormalLocation(field(o, f.field)) == arm.NormalLocation(f.value)
	}
	return strings.EqualFold(field(o, f.field), f.value)
}

func (f contains) match(o *value.Object) bool {
	have, want := strings.ToLower(field(o, f.field)), strings.ToLower(f.value)
	if f.prefix {
		return strings.HasPrefix(have, want)
	}
	return strings.Contains(have, want)
}

func (f tagged) match(o *value.Object) bool {
	v, ok := tagsIn(o).Lookup(f.name)
	return ok && v == f.value
}

func tagsIn(o *value.Object) *value.Object {
	v, _ := o.Get("tags")
	tags, _ := v.(*value.Object)
	return tags
}

// field returns what a name in a filter stands for.
func field(o *value.Object, name string) string {
	member := name
	switch name {
	case "resourcetype":
		member = "type"
	case "resourcegroup":
		v, _ := o.Get("id")
		s, _ := v.(string)
		id, err := arm.ParseID(s)
		if err != nil {
			return ""
		}
		return id.ResourceGroup
	}
	v, _ := o.Lookup(member)
	s, _ := v.(string)
	return s
}

var filterFields = map[string]bool{
	"resourcetype":  true,
	"resourcegroup": true,
	"name":          true,
	"location":      true,
	"tagname":       true,
	"tagvalue":      true,
	"type":          true,
	"kind":          true,
	"managedby":     true,
	"id":            true,
}

const (
	maxFilter      = 4096
	maxFilterDepth = 32
)

func parseFilter(s string) (parsedFilter, error) {
	if strings.TrimSpace(s) == "" {
		return parsedFilter{}, nil
	}
	p := &filterParser{rest: s}
	if len(s) > maxFilter {
		p.fail("it is longer than 4096 characters")
	}
	p.next()
	f := p.or(0)
	if p.err == nil && p.token != "" {
		p.fail("unexpected '" + p.token + "'")
	}
	if p.err != nil {
		return parsedFilter{}, p.err
	}
	return parsedFilter{f}, nil
}

// filterParser is a recursive descent over tokens; the first error stays.
type filterParser struct {
	rest    string
	token   string // "" at the end
	literal bool   // token is the content of a quoted string
	err     error
}

func (p *filterParser) fail(why string) {
	if p.err == nil {
		p.err = arm.Errorf(http.StatusBadRequest, "InvalidFilterInQueryString",
			"Invalid $filter in query string: %s.", why)
	}
	p.rest, p.token, p.literal = "", "", false
}

func (p *filterParser) next() {
	p.rest = strings.TrimLeft(p.rest, " \t\r\n")
	p.token, p.literal = "", false
	if p.rest == "" || p.err != nil {
		return
	}
	switch c := p.rest[0]; c {
	case '(', ')', ',':
		p.token, p.rest = string(c), p.rest[1:]
	case '\'':
		p.quoted()
	default:
		n := strings.IndexAny(p.rest, " \t\r\n(),'")
		if n < 0 {
			n = len(p.rest)
		}
		p.token, p.rest = p.rest[:n], p.rest[n:]
	}
}

// quoted reads a string; a quote in it is doubled.
func (p *filterParser) quoted() {
	var b strings.Builder
	s := p.rest[1:]
	for {
		n := strings.IndexByte(s, '\'')
		if n < 0 {
			p.fail("a string has no end")
			return
		}
		b.WriteString(s[:n])
		s = s[n+1:]
		if !strings.HasPrefix(s, "'") {
			break
		}
		b.WriteByte('\'')
		s = s[1:]
	}
	p.token, p.literal, p.rest = b.String(), true, s
}

func (p *filterParser) word(w string) bool { return !p.literal && strings.EqualFold(p.token, w) }

func (p *filterParser) expect(w string) {
	if !p.word(w) {
		p.fail("'" + w + "' is missing")
		return
	}
	p.next()
}

func (p *filterParser) or(depth int) filter {
	if depth > maxFilterDepth {
		p.fail("it nests too deeply")
		return nil
	}
	parts := []filter{p.and(depth)}
	for p.word("or") && p.err == nil {
		p.next()
		parts = append(parts, p.and(depth))
	}
	if len(parts) == 1 {
		return parts[0]
	}
	return anyOf{parts}
}

func (p *filterParser) and(depth int) filter {
	parts := []filter{p.term(depth)}
	for p.word("and") && p.err == nil {
		p.next()
		parts = append(parts, p.term(depth))
	}
	parts = joinTags(parts)
	if len(parts) == 1 {
		return parts[0]
	}
	return all{parts}
}

// joinTags makes one condition of tagName eq 'a' and tagValue eq 'b'.
func joinTags(parts []filter) []filter {
	name, val := -1, -1
	for i, f := range parts {
		if c, ok := f.(compare); ok && !c.not {
			switch {
			case c.field == "tagname" && name < 0:
				name = i
			case c.field == "tagvalue" && val < 0:
				val = i
			}
		}
	}
	if name < 0 || val < 0 {
		return parts
	}
	out := []filter{tagged{parts[name].(compare).value, parts[val].(compare).value}}
	for i, f := range parts {
		if i != name && i != val {
			out = append(out, f)
		}
	}
	return out
}

func (p *filterParser) term(depth int) filter {
	switch {
	case p.word("("):
		p.next()
		f := p.or(depth + 1)
		p.expect(")")
		return f
	case p.word("substringof"):
		p.next()
		p.expect("(")
		val := p.text()
		p.expect(",")
		name := p.field()
		p.expect(")")
		return contains{field: name, value: val}
	case p.word("startswith"):
		p.next()
		p.expect("(")
		name := p.field()
		p.expect(",")
		val := p.text()
		p.expect(")")
		return contains{field: name, value: val, prefix: true}
	}
	name := p.field()
	not := p.word("ne")
	if !not && !p.word("eq") {
		p.fail("after '" + name + "' only eq and ne are supported")
		return nil
	}
	p.next()
	return compare{field: name, value: p.text(), not: not}
}

func (p *filterParser) field() string {
	name := strings.ToLower(p.token)
	if p.literal || !filterFields[name] {
		p.fail("'" + p.token + "' can't be filtered by")
		return ""
	}
	p.next()
	return name
}

func (p *filterParser) text() string {
	if !p.literal {
		p.fail("a string in single quotes is missing")
		return ""
	}
	s := p.token
	p.next()
	return s
}
