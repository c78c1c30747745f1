package run

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"switchyard/pipeline"
	"switchyard/value"
)

// Mask stands for a value that records do not show.
const Mask = "**********"

// A Masker replaces the secrets of a run in what leaves it for a person: records, the
// log, the dead letters of a run that failed. Everything that is shown of a run goes
// through it; what a pipeline sends as data does not. Its secrets are
//
//   - the values of the pipeline's SecureString parameters, and of every SecureString
//     object;
//   - the secrets of the run above that are in the parameters ([Created].Secrets);
//   - what attempts were given that is secret and came back in what they answered, such as
//     a secret of a key vault in an echoing response ([ActivityFinished].Secrets);
//   - the texts in inputs and outputs that are declared secure, from [minSecure] bytes on.
//
// Each is replaced wherever it occurs in a text, also as JSON or a URL escapes it. The
// zero Masker replaces SecureString objects only. It belongs to one goroutine; [Masker.With]
// makes one for another. One is made for each attempt, so what it needs is made when it has
// something to mask.
type Masker struct{ *masking }

type masking struct {
	texts, more []string
	all         bool // the secrets are too many, or can't be read: no text is shown

	secrets map[string]bool   // of texts and more
	replace *strings.Replacer // nil until it is needed
}

const (
	// minSecure is the length in bytes of the shortest text in an input or output that is
	// declared secure which is masked elsewhere too: shorter ones are mostly words that
	// everything is full of.
	minSecure = 6
	// maxSecure is how many bytes of such texts a run remembers. If it has more, no text of
	// the run is shown.
	maxSecure = 256 << 10
	// maxParts is how many of such inputs and outputs a run remembers that are large.
	maxParts = 64
)

// secrets are what the [Masker] of a run replaces.
type secrets struct {
	known    map[string]bool
	texts    []string      // in the order in which they came: maskers share it
	bytes    int           // of what was declared secure
	parts    []value.Value // declared secure, in which a [Kept] stands for what is large
	all      bool
	revealed bool   // an activity has answered with what may hold a secret, see Revealed
	masker   Masker // of all these
	made     bool   // masker is; false: something came since
}

// secretsOf are those that a run begins with.
func secretsOf(c *Created) (s secrets) {
	for _, text := range c.Secrets {
		if text == tooMany {
			s.hideAll()
		}
		s.add(text)
	}
	for _, name := range c.Secure {
		v, _ := c.Parameters.Lookup(name)
		switch v.(type) {
		case nil, bool: // texts are full of true and false
		case value.Array, *value.Object: // of another type, in which a secret of the run above is
			s.secure(v)
		default:
			s.add(value.Text(v))
		}
	}
	return s
}

func (s *secrets) add(text string) {
	if text == "" || s.all || s.known[text] {
		return
	}
	if s.known == nil {
		s.known = map[string]bool{}
	}
	s.known[text] = true
	s.texts, s.made = append(s.texts, text), false
}

// reveal adds what an attempt was given and answered with.
func (s *secrets) reveal(texts []string) {
	for _, t := range texts {
		s.revealed = true
		if s.bytes += len(t); t == tooMany || s.bytes > maxSecure {
			s.hideAll()
			return
		}
		s.add(t)
	}
}

// secure adds a value that is declared secure.
func (s *secrets) secure(v value.Value) {
	if s.all {
		return
	}
	for _, text := range SecureTexts(v) {
		switch {
		case s.known[text]:
		case s.bytes+len(text) > maxSecure:
			s.hideAll()
			return
		default:
			s.bytes += len(text)
			s.add(text)
		}
	}
	if HoldsKept(v) {
		s.parts, s.made = append(s.parts, v), false
	}
	if len(s.parts) > maxParts {
		s.hideAll()
	}
}

func (s *secrets) hideAll() { *s = secrets{all: true, revealed: s.revealed} }

// make returns the masker. What is only in the history is read once, by keeper.
func (s *secrets) make(keeper Keeper) Masker {
	for len(s.parts) > 0 {
		v, err := keeper.Peek(s.parts[0])
		if err != nil { // it may hold the secret: nothing is shown, until it can be read
			return Masker{&masking{all: true}}
		}
		s.parts = s.parts[1:]
		s.secure(v)
	}
	if !s.made {
		s.masker, s.made = s.build(), true
	}
	return s.masker
}

func (s *secrets) build() Masker {
	if !s.all && len(s.texts) == 0 {
		return Masker{}
	}
	return Masker{&masking{texts: slices.Clip(s.texts), all: s.all}}
}

// ready makes what masks, if it is not made yet.
func (m *masking) ready() {
	if m.replace != nil {
		return
	}
	m.secrets = make(map[string]bool, len(m.texts)+len(m.more))
	var forms []string
	for _, list := range [][]string{m.texts, m.more} {
		for _, t := range list {
			m.secrets[t] = true
			forms = append(forms, spellings(t)...)
		}
	}
	// Longer ones first: one secret may be part of another. Those of the same length
	// in any order that is always the same.
	slices.SortFunc(forms, func(a, b string) int {
		if len(a) != len(b) {
			return len(b) - len(a)
		}
		return strings.Compare(a, b)
	})
	forms = slices.Compact(forms)
	pairs := make([]string, 0, 2*len(forms))
	for _, f := range forms {
		pairs = append(pairs, f, Mask)
	}
	m.replace = strings.NewReplacer(pairs...)
}

// spellings are the ways in which a text stands in others.
func spellings(t string) []string {
	quoted := value.AppendString(nil, t)
	return []string{t, string(quoted[1 : len(quoted)-1]), url.QueryEscape(t), url.PathEscape(t)}
}

// masker returns what masks the run's secrets as of now.
func (s *State) masker() Masker { return s.secrets.make(s.keeper) }

// Masker returns what masks the run's secrets as of now.
func (s *State) Masker() Masker { return s.masker() }

// With returns a masker that replaces these secrets too.
func (m Masker) With(more []string) Masker {
	more = slices.DeleteFunc(slices.Clone(more), func(t string) bool { return t == "" })
	switch {
	case m.masking == nil && len(more) == 0:
		return m
	case m.masking == nil:
		return Masker{&masking{more: more}}
	}
	return Masker{&masking{texts: m.texts, more: slices.Concat(m.more, more), all: m.all}}
}

// Revealed reports whether an attempt of the run has answered with a secret that it was
// given, or an activity has waited for a run that is sealed in the history: what the run
// writes from then on may hold a secret, or what was made of one.
func (s *State) Revealed() bool { return s.secrets.revealed }

// Text returns a text with its secrets masked.
func (m Masker) Text(s string) string {
	switch {
	case m.masking == nil || s == "":
		return s
	case m.all:
		return Mask
	}
	m.ready()
	return m.replace.Replace(s)
}

// number reports whether a number is a secret.
func (m Masker) number(v value.Value) bool {
	if m.masking == nil || m.all {
		return m.masking != nil
	}
	m.ready()
	return m.secrets[value.Text(v)]
}

// Error returns an activity's error as it may be shown; nil of nil.
func (m Masker) Error(e *pipeline.ActivityError) *pipeline.ActivityError {
	if e == nil || m.masking == nil && e.Details == nil {
		return e
	}
	c := *e
	c.Code, c.Message, c.Details = m.Text(e.Code), m.Text(e.Message), m.Value(e.Details)
	return &c
}

// Value returns v with its secrets masked: v itself if it holds none. Names of members
// are masked too.
func (m Masker) Value(v value.Value) value.Value {
	switch v := v.(type) {
	case string:
		return m.Text(v)
	case int64, float64:
		if m.number(v) {
			return Mask
		}
	case value.Array:
		var out value.Array
		for i, x := range v {
			if y := m.Value(x); out != nil {
				out[i] = y
			} else if !same(x, y) {
				out = slices.Clone(v)
				out[i] = y
			}
		}
		if out != nil {
			return out
		}
	case *value.Object:
		return m.object(v)
	}
	return v
}

func (m Masker) object(v *value.Object) *value.Object {
	if v == nil {
		return v
	}
	if _, secure := pipeline.SecureString(v); secure {
		return value.NewObject(value.Member{Name: "type", Value: "SecureString"},
			value.Member{Name: "value", Value: Mask})
	}
	if c, ok := value.ContentOf(v); ok {
		if text := string(c.Data); m.Text(text) == text {
			return v
		}
		return value.EncodedContent(c.MediaType, Mask)
	}
	var out *value.Object
	for i, x := range v.Members() {
		name, y := m.name(x.Name), m.Value(x.Value)
		if out == nil && (name != x.Name || !same(x.Value, y)) {
			out = value.NewObject(v.Members()[:i:i]...)
		}
		if out != nil {
			out.Set(name, y)
		}
	}
	if out != nil {
		return out
	}
	return v
}

// name masks the name of a member. Where nothing is shown the names still are: they are
// mostly Data Factory's.
func (m Masker) name(s string) string {
	if m.masking == nil || m.all {
		return s
	}
	return m.Text(s)
}

// same reports whether Value returned its argument.
func same(a, b value.Value) bool {
	switch a := a.(type) {
	case value.Array:
		b, ok := b.(value.Array)
		return ok && len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
	case *value.Object:
		b, ok := b.(*value.Object)
		return ok && a == b
	case string:
		return a == b
	case int64, float64:
		_, masked := b.(string)
		return !masked
	}
	return true // masking leaves the other types alone
}

// Holds reports whether a secret is in a value.
func (m Masker) Holds(v value.Value) bool { return !same(v, m.Value(v)) }

// Within returns the secrets that are in a value, as [Occurs] does.
func (m Masker) Within(v value.Value) []string {
	switch {
	case m.masking == nil:
		return nil
	case m.all:
		return []string{tooMany}
	}
	return Occurs(slices.Concat(m.texts, m.more), v, nil)
}

// Masked returns a value that belongs to the run as it may be shown.
func (e *Created) Masked(v value.Value) value.Value {
	s := secretsOf(e)
	return s.build().Value(v)
}

// MaskedParameters returns the parameters of a run for showing.
func (e *Created) MaskedParameters() *value.Object {
	s := secretsOf(e)
	out := s.build().object(e.Parameters)
	if len(e.Secure) > 0 {
		out = out.Clone()
	}
	for _, name := range e.Secure {
		out.Set(name, Mask)
	}
	return out
}

// SecureTexts are the texts in a value that is declared secure which are masked elsewhere
// too, with its numbers as texts. What every answer of a Web activity has is left out.
func SecureTexts(v value.Value) []string { return secureTexts(nil, v) }

func secureTexts(found []string, v value.Value) []string {
	switch v := v.(type) {
	case string:
		if len(v) >= minSecure {
			found = append(found, v)
		}
	case int64, float64:
		return secureTexts(found, value.Text(v))
	case value.Array:
		for _, x := range v {
			found = secureTexts(found, x)
		}
	case *value.Object:
		for _, m := range v.Members() {
			switch m.Name {
			case "Content-Type", "Date", "effectiveIntegrationRuntime":
			default:
				found = secureTexts(found, m.Value)
			}
		}
	}
	return found
}

// Occurs returns those of the secrets that occur in a result, as it is or as JSON or a
// URL escapes them. If they are more than a run remembers it returns [tooMany] alone.
func Occurs(secrets []string, output value.Value, e *pipeline.ActivityError) (found []string) {
	if len(secrets) > fewSecrets {
		return bounded(among(secrets, output, e))
	}
	for _, s := range secrets {
		if s == "" || slices.Contains(found, s) {
			continue
		}
		forms := spellings(s)
		if resultHolds(output, e, func(text string) bool {
			return slices.ContainsFunc(forms, func(f string) bool { return strings.Contains(text, f) })
		}) {
			found = append(found, s)
		}
	}
	return bounded(found)
}

// tooMany stands for secrets that are more than a run remembers.
const tooMany = ""

func bounded(found []string) []string {
	n := 0
	for _, s := range found {
		if n += len(s); n > maxSecure {
			return []string{tooMany}
		}
	}
	return found
}

// fewSecrets is how many secrets are looked for one after the other.
const fewSecrets = 64

// among looks for many secrets in one pass. Of one that is part of another it finds only the
// longer where that is.
func among(secrets []string, output value.Value, e *pipeline.ActivityError) (found []string) {
	numbers := map[string]int{}
	var forms []string
	for i, s := range secrets {
		for _, f := range spellings(s) {
			if _, there := numbers[f]; !there && f != "" {
				numbers[f] = i
				forms = append(forms, f)
			}
		}
	}
	slices.SortStableFunc(forms, func(a, b string) int { return len(b) - len(a) })
	pairs := make([]string, 0, 2*len(forms))
	for _, f := range forms {
		pairs = append(pairs, f, "\x00"+strconv.Itoa(numbers[f])+"\x00")
	}
	replace := strings.NewReplacer(pairs...)
	is := make([]bool, len(secrets))
	resultHolds(output, e, func(text string) bool {
		if marked := replace.Replace(text); marked != text {
			for part := range strings.SplitSeq(marked, "\x00") {
				if i, err := strconv.Atoi(part); err == nil && i >= 0 && i < len(is) && !is[i] {
					is[i] = true
					found = append(found, secrets[i])
				}
			}
		}
		return false // go on
	})
	return found
}

// resultHolds reports whether holds is true of a text or of a name in a result.
func resultHolds(output value.Value, e *pipeline.ActivityError, holds func(string) bool) bool {
	return e != nil && (holds(e.Code) || holds(e.Message) || valueHolds(e.Details, holds)) || valueHolds(output, holds)
}

// valueHolds reports whether holds is true of a text or of a name in a value.
func valueHolds(v value.Value, holds func(string) bool) bool {
	switch v := v.(type) {
	case string:
		return holds(v)
	case int64, float64:
		return holds(value.Text(v))
	case value.Array:
		return slices.ContainsFunc(v, func(x value.Value) bool { return valueHolds(x, holds) })
	case *value.Object:
		if c, ok := value.ContentOf(v); ok {
			return holds(string(c.Data))
		}
		return slices.ContainsFunc(v.Members(), func(m value.Member) bool {
			return holds(m.Name) || valueHolds(m.Value, holds)
		})
	}
	return false
}
