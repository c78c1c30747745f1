package factory

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// recordVersion is the version of the records on disk.
const recordVersion = 1

// A factoryRecord is a factory's envelope and its own definition. It is not
// changed once it is in a [state].
type factoryRecord struct {
	Version       int       `json:"v"`
	Name          string    `json:"name"`
	Subscription  string    `json:"subscription"`
	ResourceGroup string    `json:"resourceGroup"`
	Location      string    `json:"location"`
	Tags          string    `json:"tags,omitempty"` // JSON
	Identity      *Identity `json:"identity,omitempty"`
	Properties    string    `json:"properties"` // JSON, without what is read-only
	ETag          string    `json:"etag"`
	Created       time.Time `json:"created"`
	Changed       time.Time `json:"changed"`
	// Deleting: nothing is changed any more but to delete the rest.
	Deleting bool `json:"deleting,omitempty"`
	// Deployed is the digest of what a folder declared.
	Deployed string `json:"deployed,omitempty"`
}

// A definitionRecord is a definition as it is kept. It is not changed once it is
// in a [state].
type definitionRecord struct {
	Version int    `json:"v"`
	Name    string `json:"name"`
	ETag    string `json:"etag"`
	// Properties or Sealed holds the JSON, Sealed if there are secrets in it.
	Properties string    `json:"properties,omitempty"`
	Sealed     []byte    `json:"sealed,omitempty"`
	Published  time.Time `json:"published"`
	Started    bool      `json:"started,omitempty"` // triggers
	// StartedAt is since when a trigger that goes by time is, by the wall clock: what fell due
	// before does not count.
	StartedAt time.Time `json:"startedAt,omitzero"`
	Deployed  string    `json:"deployed,omitempty"`
}

const (
	factoryPrefix    = "datafactory/f/"
	definitionPrefix = "datafactory/c/"
)

// fold makes one of names that differ only by case.
func fold(name string) string { return strings.ToLower(name) }

func segment(name string) string { return url.PathEscape(fold(name)) }

func factoryKey(factory string) string { return factoryPrefix + segment(factory) }

func definitionKey(factory string, k Kind, name string) string {
	return definitionPrefix + segment(factory) + "/" + fold(k.String()) + "/" + segment(name)
}

// ofKey reads a definition's key.
func ofKey(key string) (factory string, k Kind, err error) {
	parts := strings.Split(strings.TrimPrefix(key, definitionPrefix), "/")
	if len(parts) == 3 {
		var ok bool
		if k, ok = ParseKind(parts[1]); ok {
			factory, err = url.PathUnescape(parts[0])
			return factory, k, err
		}
	}
	return "", 0, fmt.Errorf("key %q is not one of a definition", key)
}

func encode(record any) []byte {
	b, err := json.Marshal(record)
	if err != nil {
		panic(fmt.Sprintf("factory: %v", err)) // a struct of texts, bytes and times
	}
	return b
}

func decodeRecord(b []byte, record any, version *int) error {
	if err := json.Unmarshal(b, record); err != nil {
		return err
	}
	if *version != recordVersion {
		return fmt.Errorf("record has version %d, this program reads %d", *version, recordVersion)
	}
	return nil
}

// encode seals the definition if it is of a kind that is always sealed or holds
// a secret.
func (d *definition) encode(s Sealer) []byte {
	r := d.record
	if d.secret {
		r.Sealed = s.Seal(d.properties)
	} else {
		r.Properties = string(d.properties)
	}
	return encode(&r)
}

func decodeDefinition(k Kind, b []byte, s Sealer) (*definition, error) {
	d := &definition{kind: k}
	if err := decodeRecord(b, &d.record, &d.record.Version); err != nil {
		return nil, err
	}
	d.properties = []byte(d.record.Properties)
	if d.record.Sealed != nil {
		var err error
		if d.properties, err = s.Open(d.record.Sealed); err != nil {
			return nil, err
		}
		d.secret = true
	}
	d.record.Properties, d.record.Sealed = "", nil
	return d, nil
}
