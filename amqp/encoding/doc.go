// Package encoding is the AMQP 1.0 type system (part 1 of the specification):
// it turns bytes into Go values and back, skips and checks values without
// building them, and offers a [Reader] for the typed fields of described lists.
//
// The mapping, both ways:
//
//	null        nil                 timestamp   time.Time (UTC, milliseconds)
//	boolean     bool                uuid        UUID
//	ubyte       uint8               binary      []byte
//	ushort      uint16              string      string
//	uint        uint32              symbol      Symbol
//	ulong       uint64              list        List
//	byte        int8                map         *Map (keeps its order)
//	short       int16               described   Described
//	int         int32               array       []bool, []uint16, []uint32, []uint64,
//	long        int64                           []int8 … []int64, []float32, []float64,
//	float       float32                         []Char, []time.Time, []UUID, [][]byte,
//	double      float64                         []string, []Symbol; *Array for what has
//	char        Char                            no such slice: ubyte, decimals, lists,
//	decimal32…  Decimal32, 64, 128              maps, arrays and described elements
//
// Everything read comes from a peer: sizes and counts are compared with the
// bytes that are there before anything is allocated, nesting is bounded, and
// what is malformed is an error. Nothing that was read shares memory with the
// input.
package encoding
