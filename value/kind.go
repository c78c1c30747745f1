package value

// A Kind is a type of JSON values, with integers apart from other numbers.
type Kind uint8

// The kinds.
const (
	KindNull Kind = iota
	KindBool
	KindInt
	KindFloat
	KindString
	KindArray
	KindObject
)

// KindNames says what an edge calls each [Kind].
type KindNames [KindObject + 1]string

// Of returns the name of a value's kind.
func (n *KindNames) Of(v Value) string { return n[KindOf(v)] }

// KindOf returns the kind of a value.
func KindOf(v Value) Kind {
	switch v.(type) {
	case nil:
		return KindNull
	case bool:
		return KindBool
	case int64:
		return KindInt
	case float64:
		return KindFloat
	case string:
		return KindString
	case Array:
		return KindArray
	}
	return KindObject
}
