package issuer

import (
	"bytes"
	"crypto/rand"
	"testing"

	"switchyard/internal/golden"
)

// goldenKeyID is the thumbprint of the key in the golden file, which signs
// nothing but in tests.
const goldenKeyID = "B0eAMpFbe2C7RzJll2r5yrsHKfC6TynyzhhyX0oQRSg"

func TestGoldenKey(t *testing.T) {
	golden.Check(t, "key", 1, func(int) []golden.Record {
		return []golden.Record{{Name: "key", Value: goldenKeyID, Varies: true,
			Encode: func() []byte {
				k, err := GenerateKey(rand.Reader)
				if err != nil {
					t.Fatal(err)
				}
				return k.Marshal()
			},
			Decode: func(b []byte) (any, error) {
				k, err := ParseKey(b)
				if err != nil {
					return nil, err
				}
				if again := k.Marshal(); !bytes.Equal(again, b) {
					t.Errorf("the key is written as %x, was read from %x", again, b)
				}
				return k.public.KeyID, nil
			}}}
	})
}
