package store

import (
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"switchyard/broker"
	"switchyard/internal/golden"
)

// TestGoldenRecords keeps the payload of each kind of record, with every field
// and with none. testdata/format*.txt have them under their keys.
func TestGoldenRecords(t *testing.T) {
	golden.Check(t, "records", recordVersion, func(int) (records []golden.Record) {
		for _, c := range codecs() {
			empty := reflect.Zero(reflect.TypeOf(c.full)).Interface()
			if m, ok := empty.(*broker.Message); ok && m == nil {
				empty = &broker.Message{Content: broker.Content{Sections: []byte{}}}
			}
			for name, v := range map[string]any{c.name: c.full, c.name + ".empty": empty} {
				records = append(records, golden.Record{Name: name, Value: v,
					Encode: func() []byte { return c.encode(v) }, Decode: c.decode})
			}
		}
		return records
	})
}

// The other small formats: the key file, and a secret that is sealed with the key
// in it.
func TestGoldenSecrets(t *testing.T) {
	key := []byte("0123456789abcdef0123456789ABCDEF")
	s, err := newSealer(key)
	if err != nil {
		t.Fatal(err)
	}
	golden.Check(t, "secrets", sealVersion, func(int) []golden.Record {
		return []golden.Record{
			{Name: "key", Value: key,
				Encode: func() []byte { return formatKey(key) },
				Decode: func(b []byte) (any, error) { return parseKey(b) }},
			{Name: "sealed", Value: []byte("secret"), Varies: true,
				Encode: func() []byte { return s.seal([]byte("secret")) },
				Decode: func(b []byte) (any, error) { return s.open(b) }},
		}
	})
}

// Every table and kind of key that doc.go draws has a record in the file of the
// current format.
func TestFormatHasEveryKind(t *testing.T) {
	name := fmt.Sprintf("format%d.txt", formatVersion)
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		hexKey, _, _ := strings.Cut(line, " ")
		key, err := hex.DecodeString(hexKey)
		if err != nil {
			t.Fatal(err)
		}
		got[kindOfKey(t, key)] = true
	}
	doc, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	_, keys, _ := strings.Cut(string(doc), "# Keys")
	keys, _, _ = strings.Cut(keys, "# Values")
	n := 0
	for line := range strings.Lines(keys) {
		drawn, ok := strings.CutPrefix(line, "//\t")
		if !ok {
			continue
		}
		// Without the explanation, which two spaces begin.
		drawn, _, _ = strings.Cut(strings.TrimSpace(drawn), "  ")
		n++
		if !got[drawn] {
			t.Errorf("testdata/%s has no record %q", name, drawn)
		}
	}
	if n < 16 {
		t.Errorf("doc.go draws %d kinds of keys, want 16 at least", n)
	}
}

// kindOfKey returns a key as doc.go draws it.
func kindOfKey(t *testing.T, k []byte) string {
	entity := map[byte]string{
		kindCounters: "00", kindMessage: "01 seq:i64 message", kindStatus: "02 seq:i64 status of a message",
		kindSession: "05 len:u16 session seq:i64", kindSessionState: "06 len:u16 session",
		kindExpiry: "03 expires:time seq:i64", kindSections: "04 seq:i64 sections of a message, above 4 KiB",
	}
	switch k[0] {
	case tableSystem:
		return "00 name"
	case tableMeta:
		return "01 name"
	case tableNamespace:
		return "02 ns:u32"
	case tableRetiredNamespace:
		return "03 ns:u32"
	case tableRetiredEntity:
		return "04 entity:u64"
	case tableSegment:
		return "05 segment:u32"
	case tableEntity:
		if k[9] == entityRecord {
			return "10 entity:u64 00"
		}
		if k[9] == entityID {
			return "10 entity:u64 02 bucket:time id"
		}
		return "10 entity:u64 01 sub:u8 " + entity[k[11]]
	case tableRun:
		_, rest, _ := cutRun(k[1:])
		return "20 run " + map[byte]string{runStart: "00", runEvent: "01 n:u64",
			runPayload: "02 n:u64", runCancel: "03", runSnapshot: "04"}[rest[0]]
	case tableRunList:
		return "25 len:u16 factory start:time run"
	case tableActiveRun:
		return "22 start:time run"
	case tableDefinition:
		return "23 hash:32 bytes"
	case tableTally:
		return "26 factory"
	case tableAttempt:
		return "27 hash:32 bytes"
	case tableFollower:
		return "24 hash:32 bytes run"
	}
	t.Errorf("the format's file has a key %x that doc.go does not draw", k)
	return ""
}
