package activity

import (
	"strings"

	"switchyard/pipeline"
	"switchyard/value"
)

// Secrets returns what the call was given that is secret: SecureStrings, which is also
// what secrets of key vaults have become, in input, linked services and datasets; and
// the credentials that [MaskInput] masks.
func (c *Call) Secrets() []string {
	var found secretTexts
	found.securely(c.Input)
	found.masked(c.Input, MaskInput(c.Input))
	found.service(c.LinkedService)
	for _, d := range c.Datasets {
		found.dataset(d)
	}
	for _, list := range [][]*Dataset{c.Inputs, c.Outputs} {
		for _, d := range list {
			found.dataset(d)
		}
	}
	return found
}

type secretTexts []string

func (s *secretTexts) add(text string) {
	*s = append(*s, text)
	// What is quoted of a connection string is mostly its key alone.
	if _, key, ok := strings.Cut(text, "SharedAccessKey="); ok {
		key, _, _ = strings.Cut(key, ";")
		*s = append(*s, key)
	}
}

func (s *secretTexts) dataset(d *Dataset) {
	if d != nil {
		s.securely(d.TypeProperties)
		s.service(d.LinkedService)
	}
}

func (s *secretTexts) service(l *LinkedService) {
	if l != nil {
		s.securely(l.TypeProperties)
	}
}

// securely adds the SecureStrings in a value.
func (s *secretTexts) securely(v value.Value) {
	if text, ok := pipeline.SecureString(v); ok {
		s.add(text)
		return
	}
	switch v := v.(type) {
	case value.Array:
		for _, x := range v {
			s.securely(x)
		}
	case *value.Object:
		for _, m := range v.Members() {
			s.securely(m.Value)
		}
	}
}

// masked adds the texts of an input in whose place masked has a [Mask].
func (s *secretTexts) masked(in, masked *value.Object) {
	if in == masked {
		return
	}
	for i, m := range in.Members() {
		switch v := m.Value.(type) {
		case *value.Object:
			if inner, ok := masked.At(i).Value.(*value.Object); ok {
				s.masked(v, inner)
			}
		case string:
			if masked.At(i).Value == value.Value(Mask) {
				s.add(v)
			}
		}
	}
}
