package broker

import (
	"encoding/json"
	"fmt"
)

// definitionVersion is the version of the encoding of definitions: JSON with the
// version beside the options.
const definitionVersion = 1

type definition[O any] struct {
	Version int `json:"version"`
	Options O   `json:"options"`
}

func encodeDefinition[O any](o O) []byte {
	b, err := json.Marshal(definition[O]{definitionVersion, o})
	if err != nil {
		panic(fmt.Sprintf("broker: options that are not JSON: %v", err))
	}
	return b
}

func decodeDefinition[O any](b []byte) (O, error) {
	var d definition[O]
	if err := json.Unmarshal(b, &d); err != nil {
		return d.Options, fmt.Errorf("definition: %w", err)
	}
	if d.Version != definitionVersion {
		return d.Options, fmt.Errorf("definition has version %d, want %d", d.Version, definitionVersion)
	}
	return d.Options, nil
}
