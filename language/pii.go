package language

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"unicode/utf8"
)

// A piiResult is one document of PiiEntityRecognitionResults.
type piiResult struct {
	header
	Redacted string      `json:"redactedText"` // each character of an entity is a *
	Entities []piiEntity `json:"entities"`     // by offset, not overlapping
}

type piiEntity struct {
	Text       string  `json:"text"`
	Category   string  `json:"category"`
	Offset     int     `json:"offset"`
	Length     int     `json:"length"`
	Confidence float64 `json:"confidenceScore"`
}

// piiLanguages: patterns know no language, so every language that detection can
// name is covered.
func piiLanguages() []string { return baseLanguages() }

// parseCategories reads piiCategories. A category that is not recognised here
// is refused, because an empty answer would read as "there is none". nil means
// all.
func parseCategories(v json.RawMessage) ([]string, error) {
	var names []string
	if json.Unmarshal(v, &names) != nil {
		return nil, badRequest(innerInvalidParameterValue, "piiCategories must be an array of strings, not %s.", v)
	}
	all := false
	var out []string
	for _, name := range names {
		switch {
		case name == "All" || name == "Default":
			all = true
		case !slices.Contains(categories(), name):
			return nil, badRequest(innerInvalidParameterValue,
				"The piiCategory %q is not supported by this endpoint. Supported: All, Default, %s.",
				name, strings.Join(categories(), ", "))
		default:
			out = append(out, name)
		}
	}
	if all {
		return nil, nil
	}
	return out, nil
}

// categories are the category names, as the service spells them.
func categories() []string {
	out := make([]string, len(finders))
	for i, f := range finders {
		out[i] = f.category
	}
	return out
}

func analyzePii(p *parameters, d *document) any {
	r := &piiResult{header: newHeader(d), Entities: []piiEntity{}}
	c := &cursor{text: d.Text, unit: p.index}
	var b strings.Builder
	last := 0
	for _, m := range findPii(d.Text) {
		if len(p.categories) > 0 && !slices.Contains(p.categories, m.category) {
			continue
		}
		text := d.Text[m.from:m.to]
		offset, length := c.span(m.from, m.to)
		r.Entities = append(r.Entities, piiEntity{text, m.category, offset, length, m.confidence})
		b.WriteString(d.Text[last:m.from])
		for range utf8.RuneCountInString(text) {
			b.WriteByte('*')
		}
		last = m.to
	}
	b.WriteString(d.Text[last:])
	r.Redacted = b.String()
	return r
}

// A match is one entity in bytes of the text.
type match struct {
	category   string
	from, to   int
	confidence float64
}

// findPii runs all finders. Where matches overlap, the finder that comes first
// in the table wins: those with check digits stand before those without.
func findPii(s string) []match {
	var out []match
	for _, f := range finders {
		if !strings.ContainsAny(s, f.hint) {
			continue
		}
		for _, loc := range f.pattern().FindAllStringSubmatchIndex(s, -1) {
			from, to := loc[0], loc[1]
			if len(loc) > 3 && loc[2] >= 0 {
				from, to = loc[2], loc[3]
			}
			to = from + f.trim(s[from:to])
			if to == from || !bounded(s, from, to) {
				continue
			}
			evidence, ok := f.check(s[from:to])
			if !ok {
				continue
			}
			named := f.named(s[:from])
			if f.needsName(s[from:to]) && !named {
				continue
			}
			if slices.ContainsFunc(out, func(m match) bool { return from < m.to && m.from < to }) {
				continue
			}
			out = append(out, match{f.category, from, to, confidence(f.form, evidence, named)})
		}
	}
	slices.SortFunc(out, func(a, b match) int { return cmp.Compare(a.from, b.from) })
	return out
}

// confidence is 1 minus the chance that the match is something else: form is
// the chance that text of this form is not of the category, chance that its
// check digits hold by accident (1 without any), and a word like "IBAN" right
// before it halves what is left.
func confidence(form, chance float64, named bool) float64 {
	doubt := form * chance
	if named {
		doubt /= 2
	}
	return round2(1 - doubt)
}

// bounded reports whether s[from:to] stands alone: no letter or digit touches
// it.
func bounded(s string, from, to int) bool {
	before, _ := utf8.DecodeLastRuneInString(s[:from])
	after, _ := utf8.DecodeRuneInString(s[to:])
	first, _ := utf8.DecodeRuneInString(s[from:])
	last, _ := utf8.DecodeLastRuneInString(s[:to])
	return !(asciiAlnum(before) && (asciiAlnum(first) || first == '+')) &&
		!(asciiAlnum(last) && asciiAlnum(after))
}

func asciiAlnum(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
}
