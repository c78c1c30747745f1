package description

import (
	"fmt"
	"reflect"
	"slices"
	"time"
	"unicode/utf8"
)

// An InvalidError is a property with a value that it can't have.
type InvalidError struct{ Property, Text string }

func (e *InvalidError) Error() string { return e.Property + " " + e.Text }

// An UnsupportedError names a property that the broker does not have.
type UnsupportedError struct {
	Entity   Entity
	Property string
}

func (e *UnsupportedError) Error() string {
	return fmt.Sprintf("%v property %s is not supported", e.Entity, e.Property)
}

// Default returns the options with the defaults filled in, as a program that did not
// know all of them may have kept them.
func (e Entity) Default(o Options, sku string) Options {
	for _, p := range rows[e] {
		p.setDefault(&o, sku)
	}
	return o
}

// Normal returns the options with the defaults filled in for an entity in a
// namespace of an SKU, or why there can't be such an entity: an [*UnsupportedError]
// or an [*InvalidError].
func (e Entity) Normal(o Options, sku string) (Options, error) {
	for i := range table {
		if p := &table[i]; !p.Has.Contains(e) && !p.isZero(&o) {
			return o, &InvalidError{p.Name, fmt.Sprintf("is not a property of a %v", e)}
		}
	}
	o = e.Default(o, sku)
	e.perPartition(&o, sku)
	if o.ForwardTo != "" {
		o.AutoDeleteOnIdle = Forever // without a word, as in Azure: what forwards is never idle
	}
	for _, p := range rows[e] {
		if p.Unsupported && !p.isDefault(&o, sku) {
			return o, &UnsupportedError{e, p.Name}
		}
	}
	for _, p := range rows[e] {
		if err := e.Check(p, o, sku); err != nil {
			return o, err
		}
	}
	o.Written = e.spellings(&o)
	return o, nil
}

// perPartition takes what is written as it is shown, for all partitions together, as what
// it is for one: clients that change an entity write what they have read.
func (e Entity) perPartition(o *Options, sku string) {
	if !o.EnablePartitioning {
		return
	}
	for _, p := range rows[e] {
		f, ok := p.Field(o).(*int)
		if !ok || !p.PerPartition {
			continue
		}
		may := p.limits(sku).Allowed
		if one := *f / Partitions; one*Partitions == *f && !slices.Contains(may, int64(*f)) && slices.Contains(may, int64(one)) {
			*f = one
		}
	}
}

// Check is what [Entity.Normal] says of one property, of an entity that has it.
func (e Entity) Check(p *Property, o Options, sku string) error {
	p.setDefault(&o, sku)
	e.perPartition(&o, sku)
	if p.Unsupported && !p.isDefault(&o, sku) {
		return &UnsupportedError{e, p.Name}
	}
	if text := p.check(&o, e, sku); text != "" {
		return &InvalidError{p.Name, text}
	}
	return nil
}

// CheckNew says why there can be no new entity with normal options in a namespace of an
// SKU; nil: there can.
func (e Entity) CheckNew(o Options, sku string) error {
	for _, p := range rows[e] {
		if sku == Basic && p.NotBasic && !p.isDefault(&o, sku) {
			return &InvalidError{p.Name, "can't be chosen in a Basic namespace: it needs Standard or Premium"}
		}
		if sku == Premium && p.NotPremium != "" && !p.isDefault(&o, sku) {
			return &InvalidError{p.Name, "can't be chosen in a Premium namespace: " + p.NotPremium}
		}
	}
	return nil
}

// New returns normal options as something that is created with them has them: what forwards
// its dead letters is not created with a time of idleness, but may be given one [SB-SEM 1.1].
func (o Options) New() Options {
	if o.ForwardDeadLetteredMessagesTo != "" {
		o.AutoDeleteOnIdle = Forever
	}
	return o
}

// Unchanged returns the first property that is fixed when an entity is created and
// differs between two options; nil: there is none.
func (e Entity) Unchanged(old, new Options) *Property {
	for _, p := range rows[e] {
		if p.Fixed && !reflect.DeepEqual(p.Field(&old), p.Field(&new)) {
			return p
		}
	}
	return nil
}

func (p *Property) isZero(o *Options) bool { return reflect.ValueOf(p.Field(o)).Elem().IsZero() }

func (p *Property) setDefault(o *Options, sku string) {
	if !p.isZero(o) {
		return
	}
	d := p.limits(sku).Default
	switch f := p.Field(o).(type) {
	case *time.Duration:
		*f = time.Duration(d)
	case *int:
		*f = int(d)
	case *int64:
		*f = d
	case **bool:
		yes := true
		*f = &yes
	case *Status:
		*f = Active
	}
}

func (p *Property) isDefault(o *Options, sku string) bool {
	var d Options
	p.setDefault(&d, sku)
	return reflect.DeepEqual(p.Field(o), p.Field(&d))
}

// check says what is wrong with a property, "" if nothing is.
func (p *Property) check(o *Options, e Entity, sku string) string {
	l := p.limits(sku)
	switch f := p.Field(o).(type) {
	case *time.Duration:
		if n := int64(*f); n < l.Min || n > l.Max {
			return fmt.Sprintf("%v: want %s", *f, p.wantDuration())
		}
	case *int:
		return l.checkNumber(int64(*f), sku)
	case *int64:
		return l.checkSize(*f)
	case *Status:
		if !slices.Contains(statuses[e], *f) {
			return fmt.Sprintf("%s: want %s", *f, list(statuses[e]))
		}
	case *string:
		if l.Max > 0 && int64(utf8.RuneCountInString(*f)) > l.Max {
			return fmt.Sprintf(": want at most %d characters", l.Max)
		}
	}
	return ""
}

func (l *Limits) checkNumber(n int64, sku string) string {
	switch {
	case l.Allowed != nil && !slices.Contains(l.Allowed, n):
		return fmt.Sprintf("%d: want one of %v in a %s namespace", n, l.Allowed, sku)
	case l.Allowed == nil && (n < l.Min || n > l.Max):
		return fmt.Sprintf("%d: want %d to %d", n, l.Min, l.Max)
	}
	return ""
}

func (l *Limits) checkSize(n int64) string {
	switch {
	case n >= l.Min && n <= l.Max:
		return ""
	case l.Min == l.Max:
		return fmt.Sprintf("%d: it can be set only in a Premium namespace", n)
	}
	return fmt.Sprintf("%d: want %d to %d KiB", n, l.Min/kib, l.Max/kib)
}

func (p *Property) wantDuration() string {
	var s string
	switch l := p.Limits; {
	case l.Min == 1:
		s = "more than 0, at most " + words(l.Max)
	case l.Max == forever:
		s = "at least " + words(l.Min)
	default:
		s = words(l.Min) + " to " + words(l.Max)
	}
	if p.Basic != nil {
		s += ", in a Basic namespace at most " + words(p.Basic.Max)
	}
	return s
}

// words writes a duration for people.
func words(n int64) string {
	switch {
	case n%day == 0:
		return fmt.Sprintf("%d days", n/day)
	case n%minute == 0:
		return fmt.Sprintf("%d minutes", n/minute)
	}
	return fmt.Sprintf("%d s", n/second)
}
