package broker

import (
	"encoding/json"
	"fmt"

	"switchyard/broker/description"
)

// Earlier programs kept apart from the broker what its definitions have since their
// third version. The functions here put it into definitions of any version and return
// them in the newest one.

// UpgradeNamespace gives a namespace its access rules.
func UpgradeNamespace(definition, access []byte) ([]byte, error) {
	d, err := decodeNamespace(definition)
	if err != nil {
		return nil, err
	}
	return encodeNamespace(d.Options, access), nil
}

// UpgradeAccess gives an entity its access rules.
func UpgradeAccess(definition, access []byte) ([]byte, error) {
	return upgrade(definition, func(_ *description.Options, a *[]byte) { *a = access })
}

// UpgradeWritten says how the durations of an entity were written.
func UpgradeWritten(definition []byte, written map[string]string) ([]byte, error) {
	return upgrade(definition, func(o *description.Options, _ *[]byte) { o.Written = written })
}

func upgrade(definition []byte, change func(o *description.Options, access *[]byte)) ([]byte, error) {
	kind, err := kindOf(definition)
	if err != nil {
		return nil, err
	}
	if kind == kindSubscription {
		var d subscriptionDefinition
		if err := json.Unmarshal(definition, &d); err != nil {
			return nil, fmt.Errorf("definition: %w", err)
		}
		d.Version = definitionVersion
		change(&d.Options, &d.Access)
		return encode(d), nil
	}
	d, err := decodeEntity(definition)
	if err != nil {
		return nil, err
	}
	change(&d.Options, &d.Access)
	return encodeEntity(kind, d.Options, d.Access), nil
}
