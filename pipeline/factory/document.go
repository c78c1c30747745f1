package factory

import "switchyard/value"

// A Document is a JSON text, of which a definition keeps the spelling, and what it
// stands for. Value is nil if nobody has parsed the text yet.
type Document struct {
	Text  []byte
	Value value.Value
}

// parsed returns the value. An error wraps [ErrInvalid].
func (d Document) parsed() (value.Value, error) {
	if d.Value != nil {
		return d.Value, nil
	}
	v, err := value.Parse(d.Text)
	if err != nil {
		return nil, invalidAt("$.properties", "not a JSON document: %v", err)
	}
	return v, nil
}
