package description

import (
	"maps"
	"time"
)

// spelling returns how a duration was written, if it still has that value.
func (p *Property) spelling(o *Options) (string, bool) {
	s, ok := o.Written[p.ARMName()]
	f, isDuration := p.Field(o).(*time.Duration)
	if !ok || !isDuration {
		return "", false
	}
	d, err := ParseDuration(s)
	return s, err == nil && d == *f
}

// setSpelling keeps how a duration was written, if FormatDuration would write it in
// another way.
func (p *Property) setSpelling(o *Options, s string) {
	name, written := p.ARMName(), maps.Clone(o.Written)
	delete(written, name)
	if d, err := ParseDuration(s); err == nil && FormatDuration(d) != s {
		if written == nil {
			written = map[string]string{}
		}
		written[name] = s
	}
	if o.Written = written; len(written) == 0 {
		o.Written = nil
	}
}

// spellings returns what is of use of Written; nil if nothing is.
func (e Entity) spellings(o *Options) map[string]string {
	var written map[string]string
	for _, p := range rows[e] {
		if s, ok := p.spelling(o); ok {
			if written == nil {
				written = map[string]string{}
			}
			written[p.ARMName()] = s
		}
	}
	return written
}
