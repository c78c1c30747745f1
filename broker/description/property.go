package description

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"switchyard/value"
)

// A Kind is what values a property has.
type Kind uint8

// The kinds, with the Go type of the field and the JSON value that
// [Property.Value] gives.
const (
	Duration Kind = iota // time.Duration; ISO 8601 text
	Number               // int; whole number
	Size                 // int64, bytes; whole number of KiB
	Flag                 // bool
	FlagOn               // *bool, nil means true; Boolean
	Text                 // string
	Choice               // Status; text
)

// maxNumber is the greatest value of a Number: Service Bus has 32 bits.
const maxNumber = math.MaxInt32

// A Property is one row of the table.
type Property struct {
	// Name is the name in Config.json and errors: LockDuration.
	Name string
	// InARM is the name in ARM if it is not Name with a lower-case first letter.
	InARM string
	Kind  Kind
	Has   Entities // the entities that have the property
	// ARM is the position in ARM's answers by entity, which are in the order of
	// Azure's; 0: ARM does not have it.
	ARM [3]int
	// File properties can be in a Config.json.
	File bool
	// Word is the name in scenario scripts. For a FlagOn the word turns it off. "":
	// no script needs it.
	Word string
	// Fixed properties are chosen when the entity is created.
	Fixed bool
	// Unsupported properties may have only their default.
	Unsupported bool
	// NotBasic properties have their default in what is created in a Basic namespace. What
	// a queue has from the time when its namespace was Standard, it keeps.
	NotBasic bool
	// NotPremium, if it is not "", says why the property has its default in what is created
	// in a Premium namespace.
	NotPremium string
	// PerPartition Numbers are written for one of [Partitions] and shown for all of them.
	PerPartition bool
	// Limits are those of Standard namespaces, and of others without their own.
	Limits
	Basic, Premium *Limits
	// Field returns a pointer to the property's field.
	Field func(*Options) any
}

// Entities is a set of kinds of entities.
type Entities uint8

// Contains reports whether an entity is in the set.
func (x Entities) Contains(e Entity) bool { return x&(1<<e) != 0 }

// Limits are the values that a property may have: durations in nanoseconds, sizes
// in bytes; of a text the number of its characters.
type Limits struct {
	Default, Min, Max int64
	// Allowed, if it is not nil, lists all values.
	Allowed []int64
}

// An Output is something that ARM shows of an entity and that can't be set.
type Output struct {
	Name string
	Has  Entities
}

// Partitions is how many a partitioned entity of a Basic or Standard namespace has in Azure.
const Partitions = 16

// partitions returns how many partitions the entity would have in Azure.
func (o *Options) partitions() int {
	if o.EnablePartitioning {
		return Partitions
	}
	return 1
}

// MaxBytes is how much an entity with normal options may hold.
func (o *Options) MaxBytes() int64 { return int64(o.MaxSizeInMegabytes*o.partitions()) << 20 }

// Properties returns the properties of an entity in the order of the table.
func (e Entity) Properties() []*Property { return rows[e] }

// ARMProperties returns those that ARM has, in the order of its answers.
func (e Entity) ARMProperties() []*Property { return armRows[e] }

// FileProperty finds the property that a Config.json means by a name, ignoring
// case; nil: there is none.
func (e Entity) FileProperty(name string) *Property {
	for _, p := range rows[e] {
		if p.File && strings.EqualFold(p.Name, name) {
			return p
		}
	}
	return nil
}

// Outputs returns the names of what ARM shows beside the properties, in the order
// of its answers.
func (e Entity) Outputs() []string {
	var names []string
	for _, x := range outputs {
		if x.Has.Contains(e) {
			names = append(names, x.Name)
		}
	}
	return names
}

var rows, armRows = func() (all, arm [3][]*Property) {
	for e := range all {
		for i := range table {
			p := &table[i]
			if p.Has.Contains(Entity(e)) {
				all[e] = append(all[e], p)
			}
			if p.ARM[e] > 0 {
				arm[e] = append(arm[e], p)
			}
		}
		slices.SortFunc(arm[e], func(a, b *Property) int { return a.ARM[e] - b.ARM[e] })
	}
	return all, arm
}()

// ARMName is the property's name in ARM's bodies.
func (p *Property) ARMName() string {
	if p.InARM != "" {
		return p.InARM
	}
	return strings.ToLower(p.Name[:1]) + p.Name[1:]
}

// limits are the property's in a namespace of an SKU.
func (p *Property) limits(sku string) *Limits {
	switch {
	case sku == Basic && p.Basic != nil:
		return p.Basic
	case sku == Premium && p.Premium != nil:
		return p.Premium
	}
	return &p.Limits
}

// Value returns the property of normal options as JSON, a duration as it was
// written; nil: it is not there.
func (p *Property) Value(o *Options) value.Value {
	switch f := p.Field(o).(type) {
	case *time.Duration:
		if s, ok := p.spelling(o); ok {
			return s
		}
		return FormatDuration(*f)
	case *int:
		if p.PerPartition {
			return int64(*f * o.partitions())
		}
		return int64(*f)
	case *int64:
		return *f / kib
	case *bool:
		return *f
	case **bool:
		return *f == nil || **f
	case *Status:
		return string(*f)
	case *string:
		if *f != "" {
			return *f
		}
	}
	return nil
}

// A KindError is a JSON value of another kind than a property has. Its words are
// those of the reader of the value.
type KindError struct {
	Got  value.Value
	Want value.Kind
}

func (e *KindError) Error() string {
	return fmt.Sprintf("%v is not of the kind %d", e.Got, e.Want)
}

// Set sets the property to a JSON value that a client wrote. The error says what is
// wrong with the value, and not what property it is of; it may be a [*KindError].
// What depends on the entity or the SKU is left to [Entity.Normal].
func (p *Property) Set(o *Options, v value.Value) error {
	switch f := p.Field(o).(type) {
	case *time.Duration:
		return as(v, value.KindString, func(s string) (err error) {
			*f, err = p.duration(s)
			p.setSpelling(o, s)
			return err
		})
	case *int:
		return as(v, value.KindInt, func(n int64) error { *f = int(n); return checkNumber(n) })
	case *int64:
		return as(v, value.KindInt, func(n int64) error { *f = n * kib; return checkNumber(n) })
	case *bool:
		return as(v, value.KindBool, func(b bool) error { *f = b; return nil })
	case **bool:
		return as(v, value.KindBool, func(b bool) error { *f = &b; return nil })
	case *Status:
		return as(v, value.KindString, func(s string) (err error) { *f, err = parseStatus(s); return err })
	default:
		if v == nil { // as Config.json says "none"
			v = ""
		}
		return as(v, value.KindString, func(s string) error { *p.Field(o).(*string) = s; return nil })
	}
}

func as[T any](v value.Value, want value.Kind, set func(T) error) error {
	x, ok := v.(T)
	if !ok {
		return &KindError{v, want}
	}
	return set(x)
}

// duration reads a duration. Zero is refused because it would mean the default.
func (p *Property) duration(s string) (time.Duration, error) {
	d, err := ParseDuration(s)
	switch {
	case err != nil:
		return 0, err
	case d == 0:
		return 0, fmt.Errorf("'%s' is not more than zero", s)
	}
	return d, nil
}

// checkNumber refuses zero too, which would mean the default.
func checkNumber(n int64) error {
	if n < 1 || n > maxNumber {
		return fmt.Errorf("%d is not from 1 to %d", n, maxNumber)
	}
	return nil
}

func parseStatus(s string) (Status, error) {
	for _, x := range statuses[Queue] {
		if strings.EqualFold(s, string(x)) {
			return x, nil
		}
	}
	return "", fmt.Errorf("'%.40s' is not %s", s, list(statuses[Queue]))
}

// list writes "A, B or C".
func list(all []Status) string {
	var b strings.Builder
	for i, x := range all {
		switch {
		case i == 0:
		case i == len(all)-1:
			b.WriteString(" or ")
		default:
			b.WriteString(", ")
		}
		b.WriteString(string(x))
	}
	return b.String()
}
